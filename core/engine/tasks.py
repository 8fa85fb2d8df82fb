"""What transformers and PEFT call the kinds of models: their classes and task names.

Our engine trains causal models; the others are only built without weights, so that a
dry run can tell the memory a plain loop takes for them.
"""

from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
)

from core.models.reading import task_of
from core.models.shape import Task
from core.plan.plan import ALL_LINEAR, Method

PEFT_TASKS: dict[Task, str] = {
    "causal": "CAUSAL_LM",
    "seq2seq": "SEQ_2_SEQ_LM",
    "classification": "SEQ_CLS",
}
_CLASSES: dict[Task, Any] = {
    "causal": AutoModelForCausalLM,
    "seq2seq": AutoModelForSeq2SeqLM,
    "classification": AutoModelForSequenceClassification,
}
# What PEFT trains whole in a classifier: every module whose name ends so.
_WHOLE = ("classifier", "score")


def task(config: Any) -> Task:
    """Return what a model of transformers' `config` is for."""
    names = ("model_type", "architectures", "is_encoder_decoder")
    return task_of({name: getattr(config, name, None) for name in names})


def built(config: Any) -> Any:
    """Return the model of transformers' `config`; the surroundings say where."""
    if task(config) == "seq2seq" and not getattr(config, "decoder_start_token_id", 0):
        config.decoder_start_token_id = 0  # any word will do: none is looked at
    made: Any = _CLASSES[task(config)]
    if not _has_fused_attention(made, config):
        config._attn_implementation = "eager"  # noqa: SLF001 - transformers' own way
    model = made.from_config(config, trust_remote_code=False)
    if torch.get_default_dtype() == torch.float16:
        _widen(model)
    return model


def _widen(model: Any) -> None:
    """Do as a real load in fp16 does: some layers stay in 32 bits."""
    kept = tuple(getattr(model, "_keep_in_fp32_modules", None) or ())
    for name, module in model.named_modules():
        if kept and name.endswith(kept):
            module.to(torch.float32)


def _has_fused_attention(made: Any, config: Any) -> bool:
    try:
        return bool(made._model_mapping[type(config)]._supports_sdpa)  # noqa: SLF001
    except (KeyError, AttributeError):
        return True  # transformers will say what is amiss


def stays_wide(model: Any) -> tuple[str, ...]:
    """Return the last names of linear layers that are never quantised.

    Those transformers keeps in 32 bits (T5's ``wo``) and what a classifier trains
    whole: 4-bit codes have no gradient.
    """
    kept = set(getattr(model, "_keep_in_fp32_modules", None) or ())
    if task(model.config) == "classification":
        names = (name for name, _ in model.named_modules())
        kept |= {name for name in names if _is_whole(name)}
    return tuple(sorted(kept))


def left_out(model: Any, method: Method) -> list[str] | None:
    """Return what the adapter must leave alone, or None.

    PEFT's all-linear adapts DistilBERT's ``pre_classifier`` and then fails to copy it.
    """
    if method.target_modules != ALL_LINEAR or task(model.config) != "classification":
        return None
    names = [name for name, _ in model.named_modules() if name.endswith(_WHOLE)]
    return [name for name in names if name not in _WHOLE] or None


def _is_whole(name: str) -> bool:
    return any(part.endswith(_WHOLE) for part in name.split("."))
