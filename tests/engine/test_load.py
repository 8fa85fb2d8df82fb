"""A base model whose files do not hold what its config says is refused, not guessed."""

import json
import shutil
from pathlib import Path
from typing import Literal

import pytest
import torch
from transformers import modeling_utils

from core.engine.device import Compute
from core.engine.load import load_base
from core.errors import ModelError
from core.plan.plan import Method

CPU = Compute(device=torch.device("cpu"), dtype_name="fp32")


def changed(tiny: Path, folder: Path, key: str, value: int) -> Path:
    """Return a copy of `tiny` whose config says `value` for `key`."""
    shutil.copytree(tiny, folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config.pop("layer_types", None)
    config[key] = value
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.mark.parametrize("kind", ["lora", "qlora"])
def test_a_whole_model_loads(tiny: Path, kind: Literal["lora", "qlora"]) -> None:
    """Frozen, with every weight from the disk."""
    method = Method(kind="qlora") if kind == "qlora" else None
    model = load_base(tiny, compute=CPU, quantization=method)

    assert not any(weight.requires_grad for weight in model.parameters())


def test_a_card_smaller_than_the_warm_up_loads(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked for before the weights, to save time, may be refused."""
    asked: list[torch.device] = []

    def refused(_: object, places: dict[str, torch.device], __: object) -> None:
        asked.extend(places.values())
        torch.empty(-1)  # as of a card of 1 GiB: transformers keeps 1.2 GiB away

    monkeypatch.setattr(modeling_utils, "caching_allocator_warmup", refused)
    model = load_base(tiny, compute=CPU)

    assert asked
    assert not any(weight.is_meta for weight in model.parameters())


@pytest.mark.parametrize(
    ("key", "value", "kind", "word"),
    [
        ("num_hidden_layers", 4, "lora", "weights are missing"),
        ("num_hidden_layers", 4, "qlora", "weights are missing"),
        ("intermediate_size", 256, "lora", "another size"),
    ],
)
def test_weights_are_never_drawn_at_random(
    tiny: Path,
    tmp_path: Path,
    key: str,
    value: int,
    kind: Literal["lora", "qlora"],
    word: str,
) -> None:
    """What transformers would fill with noise is an error that names a tensor."""
    folder = changed(tiny, tmp_path / "odd", key, value)
    method = Method(kind="qlora") if kind == "qlora" else None

    with pytest.raises(ModelError, match=word) as caught:
        load_base(folder, compute=CPU, quantization=method)
    assert "model.unloadable" == caught.value.code
    assert "model.layers." in caught.value.message


def test_a_damaged_file_is_named(tiny: Path, tmp_path: Path) -> None:
    """Half a file of weights is no bug of ours."""
    folder = tmp_path / "half"
    shutil.copytree(tiny, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])

    with pytest.raises(ModelError, match="half cannot be loaded"):
        load_base(folder, compute=CPU)


def test_a_card_that_fills_while_quantising_is_out_of_memory(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loader would go on with the next weight and forget what had failed."""
    asked: list[object] = []

    def full(*args: object, **_: object) -> None:
        asked.append(args)
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")

    monkeypatch.setattr("bitsandbytes.functional.quantize_4bit", full)

    with pytest.raises(torch.OutOfMemoryError):
        load_base(tiny, compute=CPU, quantization=Method(kind="qlora"))
    assert 1 == len(asked)
