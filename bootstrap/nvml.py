"""The NVIDIA driver and its cards, asked through NVML by ctypes.

NVML (the NVIDIA Management Library) comes with every driver, so no package has
to be installed to ask it. Reference: NVML API, https://docs.nvidia.com/deploy/nvml-api
"""

import ctypes
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_SUCCESS: Final = 0
_TEXT_BYTES: Final = 96  # NVML_DEVICE_NAME_V2_BUFFER_SIZE

_MEANINGS: Final = {
    9: "its kernel module is not loaded",
    18: "its library and its kernel module have different versions",
    15: "a card has fallen off the bus",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One NVIDIA GPU; `compute_capability` is (major, minor)."""

    name: str
    compute_capability: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """A working NVIDIA driver: its version, the newest CUDA it speaks, its cards."""

    version: str
    cuda_version: tuple[int, int]
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenDriver:
    """A driver that is installed and does not answer, and why."""

    reason: str


class _NvmlError(Exception):
    """NVML answered with something other than success."""


def library() -> Any | None:
    """Return the loaded NVML library, or None where there is no NVIDIA driver."""
    for name in _names():
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def _names() -> Iterator[str]:
    if os.name == "nt":
        root = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"))
        yield str(root / "System32" / "nvml.dll")
    else:
        yield "libnvidia-ml.so.1"
        yield "/usr/lib/wsl/lib/libnvidia-ml.so.1"  # not on the path of every WSL


def ask(nvml: Any) -> Driver | BrokenDriver:
    """Return what the driver behind `nvml` says about itself and its cards."""
    try:
        _check(nvml.nvmlInit_v2())
    except _NvmlError as err:
        return BrokenDriver(reason=str(err))
    try:
        return _driver(nvml)
    except _NvmlError as err:
        return BrokenDriver(reason=str(err))
    finally:
        nvml.nvmlShutdown()


def _driver(nvml: Any) -> Driver:
    version = ctypes.create_string_buffer(_TEXT_BYTES)
    _check(nvml.nvmlSystemGetDriverVersion(version, ctypes.c_uint(_TEXT_BYTES)))
    cuda = ctypes.c_int()
    _check(nvml.nvmlSystemGetCudaDriverVersion_v2(ctypes.byref(cuda)))
    count = ctypes.c_uint()
    _check(nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)))
    return Driver(
        version=version.value.decode(errors="replace"),
        cuda_version=(cuda.value // 1000, cuda.value % 1000 // 10),
        cards=tuple(_card(nvml, index) for index in range(count.value)),
    )


def _card(nvml: Any, index: int) -> Card:
    handle = ctypes.c_void_p()
    _check(nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), _ref(handle)))
    name = ctypes.create_string_buffer(_TEXT_BYTES)
    _check(nvml.nvmlDeviceGetName(handle, name, ctypes.c_uint(_TEXT_BYTES)))
    major, minor = ctypes.c_int(), ctypes.c_int()
    _check(
        nvml.nvmlDeviceGetCudaComputeCapability(handle, _ref(major), _ref(minor)),
    )
    return Card(
        name=name.value.decode(errors="replace"),
        compute_capability=(major.value, minor.value),
    )


def _ref(value: Any) -> Any:
    return ctypes.byref(value)


def _check(status: int) -> None:
    if status != _SUCCESS:
        raise _NvmlError(_MEANINGS.get(status, f"NVML error {status}"))
