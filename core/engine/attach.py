"""Foreign adapters onto a base in memory, checked before PEFT sees them.

PEFT loads an adapter made for a deeper model without a word and one for a shallower
with a warning; here every layer must fit, by name and by shape.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never, cast

from peft import LoraConfig, PeftModel, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file
from torch import nn
from transformers.pytorch_utils import Conv1D

from core.engine.load import stores_transposed
from core.errors import LibraryError
from core.library.adapter_config import (
    CONFIG_NAME,
    AdapterConfig,
    read_adapter_config,
)
from core.library.inspect import require_unchanged
from core.library.weights import (
    WEIGHTS_NAME,
    TensorEntry,
    read_header,
    require_finite,
    require_lora,
)

Sizes = Mapping[str, tuple[int, int]]
"""Linear layer's name to (inputs, outputs)."""

_LORA_NAME = re.compile(
    r"base_model\.model\.(.+)\.(?:lora_([AB])\.weight"
    r"|lora_magnitude_vector(?:\.weight)?|base_layer\.bias|bias)"
)
_BLOCK_NUMBER = re.compile(r"\.\d+\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedAdapter:
    """An adapter folder that fits the base and may be loaded."""

    folder: Path
    config: AdapterConfig


def linear_sizes(model: nn.Module) -> Sizes:
    """Return the linear layers of a plain base, quantised or not."""
    found: dict[str, tuple[int, int]] = {}
    for name, module in model.named_modules():
        layer = cast("Any", module)
        if isinstance(module, Conv1D):
            found[name] = (int(layer.nx), int(layer.nf))
        elif hasattr(module, "in_features") and hasattr(module, "out_features"):
            found[name] = (int(layer.in_features), int(layer.out_features))
    return found


def checked(folder: Path, sizes: Sizes) -> CheckedAdapter:
    """Return the adapter in `folder` if it is sound and made for such a base.

    Raises:
        LibraryError: Why it must not be loaded.
    """
    require_unchanged(folder, CONFIG_NAME, WEIGHTS_NAME)
    config = read_adapter_config(folder)
    entries = read_header(folder / WEIGHTS_NAME)
    require_lora(folder / WEIGHTS_NAME, entries)
    require_finite(folder / WEIGHTS_NAME, entries)
    if config.modules_to_save:
        _refuse(
            folder,
            f"it replaces whole layers ({config.modules_to_save[0]}), which this"
            " version cannot switch on and off",
        )
    _require_fit(folder, config, entries, sizes)
    return CheckedAdapter(folder=folder, config=config)


def _require_fit(
    folder: Path, config: AdapterConfig, entries: tuple[TensorEntry, ...], sizes: Sizes
) -> None:
    adapted: set[str] = set()
    for entry in entries:
        layer, part = _place(folder, entry.name)
        if layer not in sizes:
            _refuse(folder, f"the base has no layer {layer}")
        if part in {"A", "B"}:
            _require_shape(folder, config, entry, part=part, size=sizes[layer])
            adapted.add(layer)
    for layer in _due(config, adapted, sizes):
        if layer not in adapted:
            _refuse(folder, f"it has nothing for the base's layer {layer}")


def _place(folder: Path, name: str) -> tuple[str, str]:
    """Return the layer a tensor belongs to and its part: A, B or another of LoRA's."""
    match = _LORA_NAME.fullmatch(name)
    if match is None:
        _refuse(folder, f"it holds “{name[:80]}”, which is no part of a LoRA")
    return match[1], match[2] or ""


def _require_shape(
    folder: Path,
    config: AdapterConfig,
    entry: TensorEntry,
    *,
    part: str,
    size: tuple[int, int],
) -> None:
    ranks = {config.rank, *config.rank_pattern.values()}
    if len(entry.shape) != 2:
        _refuse(folder, f"{entry.name[:80]} is no matrix")
    rank, width = entry.shape if part == "A" else reversed(entry.shape)
    if width != size[0 if part == "A" else 1]:
        _refuse(folder, f"{entry.name[:80]} has another size than the base's layer")
    if rank not in ranks:
        _refuse(folder, f"{entry.name[:80]} has not the rank its configuration says")


def _due(config: AdapterConfig, adapted: set[str], sizes: Sizes) -> Iterator[str]:
    """Give the layers of the base that an adapter made for it must have.

    Those its target names mean and, of each kind it adapts, the last: an adapter of a
    shallower model leaves that out, one of the upper layers alone does not.
    """
    last: dict[str, str] = {}
    for layer in sizes:  # in the model's order
        last[_BLOCK_NUMBER.sub(".*.", layer)] = layer
        if any(layer.endswith(f".{name}") for name in config.target_modules):
            yield layer
    for kind in {_BLOCK_NUMBER.sub(".*.", layer) for layer in adapted}:
        yield last[kind]


def attach(model: nn.Module, adapter: CheckedAdapter, *, name: str) -> PeftModel:
    """Return the model with `adapter` loaded under `name`, active or not.

    Args:
        model: A plain base, or what an earlier `attach` returned.
        adapter: As `checked` returned it.
        name: A name free of dots.

    Raises:
        LibraryError: Tensors are missing or left over.
    """
    config = _lora_config(adapter.config)
    config.fan_in_fan_out = stores_transposed(model)
    if isinstance(model, PeftModel):
        model.add_adapter(name, config)
        adapted = model
    else:
        adapted = PeftModel(cast("Any", model), config, adapter_name=name)
    weights = load_file(adapter.folder / WEIGHTS_NAME)
    found = set_peft_model_state_dict(adapted, weights, adapter_name=name)
    mine = [key for key in found.missing_keys if f".{name}." in key]
    if found.unexpected_keys or mine:
        adapted.delete_adapter(name)
        _refuse(adapter.folder, f"{[*found.unexpected_keys, *mine][0]} does not match")
    adapted.eval()
    return adapted


def set_scale(model: PeftModel, name: str, scale: float) -> None:
    """Weigh the adapter `name`: 1 as it was trained, 0 not at all."""
    for module in model.modules():
        if isinstance(module, LoraLayer) and name in module.scaling:
            module.set_scale(name, scale)


def _lora_config(config: AdapterConfig) -> LoraConfig:
    return LoraConfig(
        r=config.rank,
        lora_alpha=cast("int", config.alpha),
        lora_dropout=config.dropout,
        target_modules=list(config.target_modules),
        rank_pattern=dict(config.rank_pattern),
        alpha_pattern=cast("dict[str, int]", dict(config.alpha_pattern)),
        use_dora=config.use_dora,
        use_rslora=config.use_rslora,
        bias=cast("Any", config.bias),
        task_type="CAUSAL_LM",
        inference_mode=True,
    )


def _refuse(folder: Path, reason: str) -> Never:
    raise LibraryError(
        "library.wrong_base",
        f"The adapter {folder.name} does not fit this base model: {reason}.",
        hint="Load the base model it was trained on.",
    )
