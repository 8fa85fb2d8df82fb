"""From a config.json to the model's shape."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from core.errors import ModelError
from core.models.config import Numbers, read_config
from core.models.families import FAMILIES, LIKE_LLAMA
from core.models.shape import ModelShape

# What a text model is called inside a model that also sees or hears.
_TEXT_PARTS = {"gemma3": "gemma3_text"}
_NOT_CAUSAL = {
    "t5", "mt5", "bart", "mbart", "pegasus", "bert", "roberta", "distilbert",
    "deberta", "deberta-v2", "electra", "albert", "xlm-roberta", "whisper", "clip",
    "vit", "siglip",
}  # fmt: skip


def read_shape(source: Path | Mapping[str, Any]) -> ModelShape:
    """Return the tensors of the model a config describes.

    Args:
        source: A model's folder, a bare config.json, or its content.

    Raises:
        ModelError: No sizes, absurd sizes, already quantised, or not a causal language
            model.
    """
    config = read_config(source) if isinstance(source, Path) else dict(source)
    if config.get("quantization_config"):
        raise ModelError(
            "model.quantised",
            "This model is already quantised, so it cannot be trained here.",
            hint="Choose the original 16-bit model; QLoRA quantises it itself.",
        )
    kind = str(config.get("model_type", ""))
    if kind in _TEXT_PARTS and isinstance(config.get("text_config"), Mapping):
        text = cast("Mapping[str, Any]", config["text_config"])
        config = {**text, "model_type": _TEXT_PARTS[kind]}
        kind = _TEXT_PARTS[kind]
    if kind in _NOT_CAUSAL:
        raise ModelError(
            "model.not_causal",
            f"A {kind} model does not write text word by word, so it cannot be taught"
            " to answer here.",
            hint="Choose a chat or text-generation model, such as Llama, Qwen or Gemma.",
        )
    build, defaults = FAMILIES.get(kind, LIKE_LLAMA)
    shape = build(Numbers(config, defaults))
    return replace(shape, architecture=kind, known=kind in FAMILIES)
