"""Safetensors files by their headers: what they hold, without reading the weights.

Layout (huggingface/safetensors, "Format"): eight bytes of header length, little endian;
that many bytes of JSON; the tensors' bytes, without gaps.
"""

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from core.errors import ModelError, Where

_MOST_HEADER_BYTES = 100 << 20
_DTYPE_BITS = {
    "F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16,
    "BF16": 16, "I16": 16, "U16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "I8": 8, "U8": 8,
    "BOOL": 8, "C64": 64, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F4": 4,
    "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFacts:
    """One tensor of a file."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


def read_header(path: Path) -> tuple[TensorFacts, ...]:
    """Return the tensors of one safetensors file.

    Raises:
        ModelError: The file is torn, lies about its size, or is no safetensors file.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            if not 2 <= length <= min(_MOST_HEADER_BYTES, size - 8):
                raise _torn(path)
            header = json.loads(file.read(length))
        tensors = tuple(_tensors(header))
        held = sum(t.elements * _DTYPE_BITS[t.dtype] // 8 for t in tensors)
    except (OSError, struct.error, ValueError, KeyError, TypeError) as err:
        raise _torn(path) from err
    except RecursionError as err:
        raise _torn(path) from err
    if size != 8 + length + held:
        raise _torn(path)
    return tensors


def _tensors(header: Any) -> list[TensorFacts]:
    found: list[TensorFacts] = []
    for name, entry in cast("dict[str, Any]", header).items():
        if name == "__metadata__":
            continue
        shape = tuple(int(n) for n in entry["shape"])
        if min(shape, default=0) < 0:
            raise ValueError(name)
        found.append(TensorFacts(name=name, dtype=str(entry["dtype"]), shape=shape))
    return found


def _torn(path: Path) -> ModelError:
    return ModelError(
        "model.torn",
        f"{path.name} in {path.parent.name} is damaged or was not downloaded whole.",
        hint="Download the model again.",
        where=Where(file=str(path)),
    )


def weight_files(folder: Path) -> tuple[Path, ...]:
    """Return the safetensors files that make up the model in `folder`, all there.

    Raises:
        ModelError: There are none, only pickles, or a part is missing.
    """
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        return _shards(folder, index)
    single = folder / "model.safetensors"
    if single.is_file():
        return (single,)
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    pickles = sorted(name for name in names if name.endswith(_PICKLES))
    if pickles:
        raise ModelError(
            "model.pickle",
            f"{folder.name} holds its weights only as pickle ({pickles[0]}); opening"
            " such a file can run any program.",
            hint="Get the model as safetensors; most repositories offer both.",
        )
    if any(name.endswith(".gguf") for name in names):
        raise gguf_error(folder)
    raise ModelError(
        "model.no_weights",
        f"{folder.name} holds a config but no weights (model.safetensors).",
        hint="Download the model again, or choose the folder that holds its weights.",
    )


def gguf_error(path: Path) -> ModelError:
    """Return the refusal of a GGUF file as base model."""
    return ModelError(
        "model.gguf",
        f"{path.name} is a GGUF model: made for running, too coarse to train on.",
        hint="Choose the original model as safetensors; the adapter can be exported for"
        " GGUF afterwards.",
    )


def is_pickle(path: Path) -> bool:
    """Return whether `path` is named as files of pickled weights are."""
    return path.suffix.lower() in _PICKLES


def _shards(folder: Path, index: Path) -> tuple[Path, ...]:
    try:
        listing = json.loads(index.read_text(encoding="utf-8"))
        names = sorted({str(name) for name in listing["weight_map"].values()})
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as err:
        raise _torn(index) from err
    if any(Path(name).name != name for name in names):
        raise _torn(index)
    missing = [name for name in names if not (folder / name).is_file()]
    if missing or not names:
        raise ModelError(
            "model.incomplete",
            f"{folder.name} lacks {len(missing)} of {len(names)} parts of its weights"
            + (f", such as {missing[0]}." if missing else "."),
            hint="Download the model again; what is there already is kept.",
        )
    return tuple(folder / name for name in names)
