"""``adapter_config.json``, read as what it is: somebody else's input.

PEFT hands `target_modules` and the pattern keys to `re`, allocates by `r` before it
reads a weight, and follows `auto_mapping` into imports. So nothing reaches PEFT that
has not passed here; the base is never the one the file names.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never, cast

from core.errors import LibraryError

CONFIG_NAME = "adapter_config.json"
MOST_RANK = 1024
_MOST_BYTES = 1 << 20
_MOST_NAMES = 512
_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,128}")

# Keys that change what is computed and that this reader understands.
_UNDERSTOOD = {
    "peft_type", "task_type", "base_model_name_or_path", "r", "lora_alpha",
    "lora_dropout", "target_modules", "modules_to_save", "bias", "use_rslora",
    "use_dora", "rank_pattern", "alpha_pattern", "layers_to_transform",
}  # fmt: skip
# Keys that tell a loader nothing it may act on, whatever they hold.
_HARMLESS = {
    "peft_version", "revision", "inference_mode", "init_lora_weights",
    "megatron_core", "qalora_group_size", "ensure_weight_tying", "fan_in_fan_out",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterConfig:
    """A LoRA adapter's shape and scaling."""

    rank: int
    alpha: float
    dropout: float
    target_modules: tuple[str, ...]
    modules_to_save: tuple[str, ...] = ()
    rank_pattern: Mapping[str, int]
    alpha_pattern: Mapping[str, float]
    use_dora: bool = False
    use_rslora: bool = False
    bias: str = "none"
    base_model: str = ""
    """What the file claims; shown, never loaded."""


def read_adapter_config(folder: Path) -> AdapterConfig:
    """Return the configuration of the adapter in `folder`.

    Raises:
        LibraryError: It is missing, malformed, no LoRA, or asks for what is not allowed.
    """
    return parse_adapter_config(_load(folder / CONFIG_NAME))


def parse_adapter_config(found: Mapping[str, Any]) -> AdapterConfig:
    """Return what the keys of an ``adapter_config.json`` mean; see above for errors."""
    if found.get("peft_type") != "LORA":
        _refuse(f"it is of type {found.get('peft_type')!r}, not LORA")
    if found.get("task_type") not in ("CAUSAL_LM", None):
        _refuse(f"it is made for {found['task_type']!r}, not for writing text")
    foreign = sorted(
        key
        for key, value in found.items()
        if key not in _UNDERSTOOD and key not in _HARMLESS and value
    )
    if foreign:
        _refuse(f"it uses “{foreign[0][:60]}”, which this version does not support")
    return AdapterConfig(
        rank=_rank(found.get("r", 8)),
        alpha=_positive("lora_alpha", found.get("lora_alpha", 8)),
        dropout=_share("lora_dropout", found.get("lora_dropout", 0.0)),
        target_modules=_names("target_modules", found.get("target_modules")),
        modules_to_save=_names("modules_to_save", found.get("modules_to_save") or []),
        rank_pattern=_ranks(found.get("rank_pattern") or {}),
        alpha_pattern=_alphas(found.get("alpha_pattern") or {}),
        use_dora=_switch("use_dora", found.get("use_dora", False)),
        use_rslora=_switch("use_rslora", found.get("use_rslora", False)),
        bias=_bias(found.get("bias", "none")),
        base_model=_text(found.get("base_model_name_or_path")),
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            _refuse(f"{CONFIG_NAME} is larger than a configuration can be")
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise LibraryError(
            "library.not_an_adapter",
            f"{path.parent.name} holds no {CONFIG_NAME}.",
            hint="Choose the folder that PEFT wrote.",
        ) from err
    except (OSError, ValueError, RecursionError) as err:
        raise LibraryError(
            "library.config_unreadable",
            f"{CONFIG_NAME} of {path.parent.name} cannot be read.",
            hint="The file is damaged; copy the adapter again.",
        ) from err
    if not isinstance(found, dict):
        _refuse(f"{CONFIG_NAME} holds no object")
    return cast("dict[str, Any]", found)


def _refuse(reason: str) -> Never:
    raise LibraryError(
        "library.config_refused",
        f"This adapter cannot be used: {reason}.",
        hint="Use a LoRA adapter written by PEFT with plain settings.",
    )


def _rank(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= MOST_RANK:
        _refuse(f"its rank is {str(value)[:30]}, not between 1 and {MOST_RANK}")
    return value


def _positive(key: str, value: Any) -> float:
    if type(value) not in {int, float} or not 0 < value < 1e6:
        _refuse(f"its {key} is {str(value)[:30]}")
    return float(value)


def _share(key: str, value: Any) -> float:
    if type(value) not in {int, float} or not 0 <= value < 1:
        _refuse(f"its {key} is {str(value)[:30]}")
    return float(value)


def _switch(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        _refuse(f"its {key} is neither true nor false")
    return value


def _bias(value: Any) -> str:
    if value not in ("none", "all", "lora_only"):
        _refuse(f"its bias is {str(value)[:30]}")
    return str(value)


def _text(value: Any) -> str:
    return value[:500] if isinstance(value, str) else ""


def _names(key: str, value: Any) -> tuple[str, ...]:
    if value == "all-linear":
        return ("all-linear",)
    names = cast("list[Any]", value) if isinstance(value, list) else None
    if names is None or len(names) > _MOST_NAMES or not all(map(_is_name, names)):
        # a bare string would be run as a regular expression, for ever if it likes
        _refuse(f"its {key} is not a list of layer names")
    return tuple(cast("list[str]", names))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _pattern(key: str, value: Any) -> dict[str, Any]:
    pairs = cast("dict[Any, Any]", value) if isinstance(value, dict) else None
    if pairs is None or len(pairs) > _MOST_NAMES or not all(map(_is_name, pairs)):
        _refuse(f"its {key} is not a table of layer names")
    return cast("dict[str, Any]", pairs)


def _ranks(value: Any) -> dict[str, int]:
    return {k: _rank(v) for k, v in _pattern("rank_pattern", value).items()}


def _alphas(value: Any) -> dict[str, float]:
    pairs = _pattern("alpha_pattern", value)
    return {key: _positive("alpha_pattern", item) for key, item in pairs.items()}
