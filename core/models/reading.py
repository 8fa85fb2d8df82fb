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
# Pixels along a patch's edge and patches of a picture, as most models have them.
_PATCH, _PATCHES = 14, 4096
# Text parts that are built as a family we know.
_LIKE = {
    "qwen2_vl_text": "qwen2", "qwen2_5_vl_text": "qwen2", "qwen3_vl_text": "qwen3",
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
    whole, idle, config = _kind(config), _eyes(config), text_config(config)
    _require_unquantised(config)
    kind = _kind(config)
    if whole == kind:  # text is all there is
        whole, idle = "", 0
    if kind in _NOT_TEXT:
        raise ModelError(
            "model.not_causal",
            f"A {kind} model {_NOT_TEXT[kind]}; it does not write text, so it cannot be"
            " taught to answer here.",
            hint="Choose a chat or text-generation model, such as Llama, Qwen or Gemma.",
        )
    build, defaults, known = _builder(kind, config)
    shape = build(Numbers(config, defaults))
    return replace(shape, architecture=kind, known=known, text_part=whole, idle=idle)


def text_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of what reads and writes text in a model that also sees.

    A model of text alone is its own.
    """
    kind, text = _kind(config), config.get("text_config")
    if kind in FAMILIES or kind in ENCODERS:
        return dict(config)
    if not isinstance(text, Mapping):
        # Before transformers 5 such configs had their text's sizes at the top.
        text = config if "vision_config" in config and f"{kind}_text" in _LIKE else None
        if text is None:
            return dict(config)
        text = {**config, "model_type": f"{kind}_text"}
    found = dict(cast("Mapping[str, Any]", text))
    inner = _kind(found) or f"{kind}_text"
    return {**found, "model_type": _LIKE.get(inner, inner)}


def _eyes(config: Mapping[str, Any]) -> int:
    """Return about how many parameters a model's eyes have; 0 where nothing is said.

    A vision transformer's layers, its patches and the way into the text part. On this
    disk the files tell exactly (`core.models.folder.folder_shape`).
    """
    sizes: Any = config.get("vision_config")
    if not isinstance(sizes, Mapping):
        return 0
    n = Numbers(cast("Mapping[str, Any]", sizes), {})
    hidden = n.optional("hidden_size", "embed_dim")
    layers = n.optional("num_hidden_layers", "depth", "num_layers")
    if hidden is None or layers is None:
        return 0
    width = n.optional("intermediate_size") or 4 * hidden
    plain = any(name in n.text("model_type") for name in ("siglip", "clip"))
    layer = 4 * hidden * hidden + (2 if plain else 3) * hidden * width
    return layers * layer + hidden * (3 * _PATCH**2 + _PATCHES + 4096)


def is_known(config: Mapping[str, Any]) -> bool:
    """Return whether we count this architecture's tensors, and do not guess them."""
    kind = _kind(text_config(config))
    return kind in FAMILIES or kind in ENCODERS


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
