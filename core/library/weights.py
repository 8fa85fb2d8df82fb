"""A safetensors file, checked without loading it into any framework.

Layout: eight bytes of header length (little-endian), that many bytes of JSON, then the
tensors end to end (https://huggingface.co/docs/safetensors).
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never, cast

from core.errors import LibraryError

WEIGHTS_NAME = "adapter_model.safetensors"
_MOST_HEADER_BYTES = 100 << 20
_SCAN_BYTES = 8 << 20
_WIDTHS = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1,
    "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
}  # fmt: skip
# A float whose exponent bits are all ones is infinite or no number (IEEE 754).
_EXPONENTS = {
    "F16": ("<u2", 0x7C00),
    "BF16": ("<u2", 0x7F80),
    "F32": ("<u4", 0x7F800000),
    "F64": ("<u8", 0x7FF0000000000000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorEntry:
    """One tensor of the file; offsets are bytes from the file's beginning."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_header(path: Path) -> tuple[TensorEntry, ...]:
    """Return the tensors of a safetensors file, in the order they are stored.

    Raises:
        LibraryError: The file is not there, or header and length do not agree.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(size - 8, _MOST_HEADER_BYTES):
                _damaged(path, "its header is longer than the file")
            header = json.loads(file.read(length))
    except FileNotFoundError as err:
        raise LibraryError(
            "library.weights_missing",
            f"{path.parent.name} holds no {path.name}.",
            hint="Only safetensors adapters are read; pickled .bin files can run code.",
        ) from err
    except (OSError, ValueError, RecursionError) as err:
        raise _damage(path, "its header cannot be read") from err
    if not isinstance(header, dict):
        _damaged(path, "its header holds no object")
    pairs = cast("dict[str, Any]", header)
    entries = [
        _entry(path, name, found, 8 + length)
        for name, found in pairs.items()
        if name != "__metadata__"
    ]
    entries.sort(key=lambda entry: entry.begin)
    _covers(path, entries, 8 + length, size)
    return tuple(entries)


def require_lora(path: Path, entries: tuple[TensorEntry, ...]) -> None:
    """Return if the tensors are a LoRA's.

    Raises:
        LibraryError: There is no LoRA tensor among them.
    """
    if not any(".lora_A." in entry.name for entry in entries):
        _damaged(path, "it holds no LoRA tensors")


def require_finite(path: Path, entries: tuple[TensorEntry, ...]) -> None:
    """Return if every number in the file is finite and some LoRA B is not zero.

    Raises:
        LibraryError: A tensor holds NaN or infinity, or the adapter changes nothing.
    """
    moved = False
    for entry in entries:
        if entry.dtype not in _EXPONENTS:
            continue
        for block in _numbers(path, entry):
            mask = _EXPONENTS[entry.dtype][1]
            if ((block & mask) == mask).any():
                _damaged(path, f"{entry.name} holds values that are no numbers")
            # the sign bit of a negative zero is not a change
            moved = moved or (".lora_B." in entry.name and bool((block << 1).any()))
    if not moved:
        _damaged(path, "every LoRA B is zero, so it changes nothing")


def _numbers(path: Path, entry: TensorEntry) -> Iterator[Any]:
    import numpy as np  # only this check needs it

    with path.open("rb") as file:
        file.seek(entry.begin)
        left = entry.end - entry.begin
        while left:
            block = file.read(min(left, _SCAN_BYTES))
            if not block:
                _damaged(path, "it ends too early")
            left -= len(block)
            yield np.frombuffer(block, dtype=_EXPONENTS[entry.dtype][0])


def _entry(path: Path, name: str, found: Any, data_begin: int) -> TensorEntry:
    try:
        begin, end = _sizes(found["data_offsets"])
        shape = _sizes(found["shape"])
        width = _WIDTHS[found["dtype"]]
    except (KeyError, TypeError, ValueError) as err:
        raise _damage(path, f"the entry of {name[:80]} is malformed") from err
    if min(shape, default=0) < 0 or end - begin != math.prod(shape) * width:
        _damaged(path, f"the size of {name[:80]} does not fit its shape")
    return TensorEntry(
        name=name,
        dtype=found["dtype"],
        shape=shape,
        begin=data_begin + begin,
        end=data_begin + end,
    )


def _sizes(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise TypeError
    sizes = cast("list[Any]", value)
    if any(type(size) is not int for size in sizes):
        raise TypeError
    return tuple(sizes)


def _covers(path: Path, entries: list[TensorEntry], begin: int, size: int) -> None:
    at = begin
    for entry in entries:
        if entry.begin != at:
            _damaged(path, "its tensors overlap or leave gaps")
        at = entry.end
    if at != size:
        _damaged(path, "it is cut short or longer than its header says")


def _damage(path: Path, reason: str) -> LibraryError:
    return LibraryError(
        "library.weights_damaged",
        f"{path.name} of {path.parent.name} is damaged: {reason}.",
        hint="Copy the adapter again, or train it again from its run.",
    )


def _damaged(path: Path, reason: str) -> Never:
    raise _damage(path, reason)
