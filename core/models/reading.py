"""From a config.json to the model's shape."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from core.errors import ModelError
from core.models.config import Numbers, read_config
from core.models.families import (
    ENCODERS,
    FAMILIES,
    LIKE_BART,
    LIKE_BERT,
    LIKE_LLAMA,
)
from core.models.shape import ModelShape, Task

# Kinds with no text of their own to train, or none we could price.
_NOT_TEXT = {
    "whisper": "writes down speech", "wav2vec2": "hears", "clip": "compares pictures",
    "vit": "sees pictures", "siglip": "compares pictures",
    "siglip_vision_model": "sees pictures", "clip_vision_model": "sees pictures",
}  # fmt: skip
# Encoders we know of and have no builder for: read as a BERT, and said so.
_STRANGE_ENCODERS = {
    "deberta", "deberta-v2", "electra", "albert", "mpnet", "nomic_bert", "esm",
}  # fmt: skip
_TWO_STACKS = {"t5", "mt5", "umt5", "bart", "mbart", "pegasus"}
_STRANGERS: Mapping[Task, Any] = {
    "causal": LIKE_LLAMA,
    "seq2seq": LIKE_BART,
    "classification": LIKE_BERT,
}


def read_shape(source: Path | Mapping[str, Any]) -> ModelShape:
    """Return the tensors of the model a config describes.

    Of a model that also sees or hears, the part that reads and writes text.

    Args:
        source: A model's folder, a bare config.json, or its content.

    Raises:
        ModelError: No sizes, absurd sizes, already quantised, or no language model.
    """
    config = read_config(source) if isinstance(source, Path) else dict(source)
    _require_unquantised(config)
    kind = _kind(config)
    text = config.get("text_config")
    whole = ""
    if isinstance(text, Mapping) and kind not in FAMILIES:
        whole, config = kind or "multimodal", dict(cast("Mapping[str, Any]", text))
        _require_unquantised(config)
        kind = _kind(config) or f"{kind}_text"
    if kind in _NOT_TEXT:
        raise ModelError(
            "model.not_causal",
            f"A {kind} model {_NOT_TEXT[kind]}; it does not write text, so it cannot be"
            " taught to answer here.",
            hint="Choose a chat or text-generation model, such as Llama, Qwen or Gemma.",
        )
    build, defaults, known = _builder(kind, config)
    shape = build(Numbers(config, defaults))
    return replace(shape, architecture=kind, known=known, text_part=whole)


def task_of(config: Mapping[str, Any]) -> Task:
    """Return what a model with this config is for, whether we know its kind or not."""
    kind = _kind(config)
    if kind in ENCODERS:
        return "seq2seq" if kind in _TWO_STACKS else "classification"
    if kind in FAMILIES:
        return "causal"
    if config.get("is_encoder_decoder") is True:
        return "seq2seq"
    names: Any = config.get("architectures")
    named = str(cast("list[Any]", names)[0]) if _is_filled(names) else ""
    if kind in _STRANGE_ENCODERS or named.endswith("ForMaskedLM"):
        return "classification"
    return "causal"


def _kind(config: Mapping[str, Any]) -> str:
    found = config.get("model_type")
    return found[:64] if isinstance(found, str) else ""


def _builder(
    kind: str, config: Mapping[str, Any]
) -> tuple[Any, Mapping[str, Any], bool]:
    for families in (FAMILIES, ENCODERS):
        if kind in families:
            return *families[kind], True
    return *_STRANGERS[task_of(config)], False


def _is_filled(names: Any) -> bool:
    return isinstance(names, list) and bool(cast("list[Any]", names))


def _require_unquantised(config: Mapping[str, Any]) -> None:
    """Return if the weights are plain numbers.

    Raises:
        ModelError: They are codes of a quantisation.
    """
    found: Any = config.get("quantization_config") or config.get("compression_config")
    if not found:
        return
    method: object = None
    if isinstance(found, Mapping):
        method = cast("Mapping[str, Any]", found).get("quant_method")
    named = f" ({method[:32]})" if isinstance(method, str) and method else ""
    raise ModelError(
        "model.quantised",
        f"This model is already quantised{named}, so it cannot be trained here.",
        hint="Choose the original 16-bit model; QLoRA quantises it itself.",
    )
