"""Which GPUs there are, how much memory is free and who uses the rest, without torch.

Asking NVML costs no CUDA context; asking torch would hold 250-430 MiB of the card for
the window's whole life.
"""

import contextlib
import ctypes
import importlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.hardware.machine import machine
from core.hardware.occupant import ProcessRole, occupant

# Not on the path of every WSL; once it is loaded, NVML finds it by its name.
_WSL_LIBRARY = "/usr/lib/wsl/lib/libnvidia-ml.so.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProcess:
    """Somebody who holds memory on the card."""

    pid: int
    name: str
    used: int | None = None
    """Bytes; None where the driver does not say (Windows)."""
    role: ProcessRole = "program"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One card as the driver reports it now. Memory in bytes."""

    index: int
    name: str
    total: int
    free: int
    compute_capability: tuple[int, int]
    driver: str
    cuda: str = ""
    """The newest CUDA the driver runs, such as ``12.8``."""
    utilization: float | None = None
    temperature: float | None = None
    power: float | None = None
    processes: tuple[GpuProcess, ...] = ()
    uuid: str = ""
    """What CUDA_VISIBLE_DEVICES may call it; of a card cut in slices (MIG) the slice's."""


class Nvml:
    """NVIDIA's management library, opened once and asked from any thread.

    Every answer may fail at any time (driver reset, card unplugged); then the card, or
    the one figure that failed, is left out.
    """

    def __init__(self, module: Any) -> None:
        """Take the ``pynvml`` module, or anything with its functions."""
        self._nvml = module
        self._lock = threading.Lock()
        self._open = False
        self.fault = ""
        """Why a driver that is installed did not answer last time; empty if it did."""

    def gpus(self) -> tuple[Gpu, ...]:
        """Return the cards the driver knows; empty without a working driver."""
        with self._lock:
            try:
                if not self._open:
                    self._nvml.nvmlInit()
                    self._open = True
                count = int(self._nvml.nvmlDeviceGetCount())
            except (self._nvml.NVMLError, OSError) as err:
                self.fault = self._told(err)
                self._close()
                return ()
            self.fault = ""
            cards = (self._card(index) for index in range(count))
            return tuple(card for card in cards if card is not None)

    def _told(self, err: Exception) -> str:
        absent = self._nvml.NVML_ERROR_LIBRARY_NOT_FOUND
        return "" if getattr(err, "value", None) == absent else str(err)

    def _close(self) -> None:
        if self._open:
            self._open = False
            with contextlib.suppress(self._nvml.NVMLError, OSError):
                self._nvml.nvmlShutdown()

    def _card(self, index: int) -> Gpu | None:
        nvml = self._nvml
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            part = self._slice(handle) or handle
            total, free = self._memory(part)
            major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
            return Gpu(
                index=index,
                name=_text(nvml.nvmlDeviceGetName(handle)),
                total=total,
                free=free,
                compute_capability=(int(major), int(minor)),
                driver=_text(nvml.nvmlSystemGetDriverVersion()),
                cuda=self._cuda(),
                utilization=self._number(
                    lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu
                ),
                temperature=self._number(
                    lambda: nvml.nvmlDeviceGetTemperature(
                        handle, nvml.NVML_TEMPERATURE_GPU
                    )
                ),
                power=self._number(lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000),
                processes=tuple(self._processes(part)),
                uuid=self._uuid(part),
            )
        except (nvml.NVMLError, OSError):
            return None

    def _memory(self, handle: Any) -> tuple[int, int]:
        """Return total and free bytes; those of the machine where they are the card's."""
        nvml = self._nvml
        try:
            memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        except nvml.NVMLError as err:
            if getattr(err, "value", None) != nvml.NVML_ERROR_NOT_SUPPORTED:
                raise
            here = machine()  # one memory for both, as on a DGX Spark
            return here.memory_total, here.memory_free
        return int(memory.total), int(memory.free)

    def _slice(self, handle: Any) -> Any | None:
        """Return the slice (MIG) of a card that CUDA would use; None if it is whole."""
        nvml = self._nvml
        slices: list[Any] = []
        with contextlib.suppress(nvml.NVMLError, OSError):
            if not nvml.nvmlDeviceGetMigMode(handle)[0]:
                return None
            slices.extend(  # up to the first that is not there
                nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)
                for number in range(int(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)))
            )
        asked = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        named = (one for one in slices if self._uuid(one) in asked)
        return next(named, slices[0] if slices else None)

    def _uuid(self, handle: Any) -> str:
        try:
            return _text(self._nvml.nvmlDeviceGetUUID(handle))
        except (self._nvml.NVMLError, OSError):
            return ""

    def _cuda(self) -> str:
        version = self._number(self._nvml.nvmlSystemGetCudaDriverVersion_v2)
        if version is None:
            return ""
        return f"{int(version) // 1000}.{int(version) % 1000 // 10}"

    def _number(self, ask: Callable[[], float]) -> float | None:
        try:
            return float(ask())
        except (self._nvml.NVMLError, OSError):
            return None

    def _processes(self, handle: Any) -> Iterator[GpuProcess]:
        nvml = self._nvml
        used: dict[int, int | None] = {}
        for ask in (
            nvml.nvmlDeviceGetComputeRunningProcesses,
            nvml.nvmlDeviceGetGraphicsRunningProcesses,
        ):
            with contextlib.suppress(nvml.NVMLError, OSError):
                for process in ask(handle):
                    # One process can hold both kinds of context; the driver reports
                    # the same total under each.
                    known = process.usedGpuMemory
                    used[int(process.pid)] = None if known is None else int(known)
        for pid, held in used.items():
            name, role = occupant(pid)
            yield GpuProcess(pid=pid, name=name, used=held, role=role)


def gpus() -> tuple[Gpu, ...]:
    """Return the NVIDIA cards of this machine, () without a driver. Never raises."""
    return _machine_nvml().gpus()


def driver_fault() -> str:
    """Return why the NVIDIA driver of this machine does not answer; empty if it does.

    Empty as well where there is no driver.
    """
    nvml = _machine_nvml()
    nvml.gpus()
    return nvml.fault


def visible(cards: Sequence[Gpu]) -> tuple[Gpu, ...]:
    """Return those of `cards` that CUDA shows to this process, the first one first.

    As the driver reads CUDA_VISIBLE_DEVICES: numbers or beginnings of names, up to the
    first that means no card. Numbers are NVML's where CUDA_DEVICE_ORDER is PCI_BUS_ID,
    which `core.launch` sees to.
    """
    told = os.environ.get("CUDA_VISIBLE_DEVICES")
    if told is None:
        return tuple(cards)
    found: list[Gpu] = []
    for word in told.split(","):
        meant = [card for card in cards if _is_meant(word.strip(), card)]
        if len(meant) != 1 or meant[0] in found:
            break
        found += meant
    return tuple(found)


def _is_meant(word: str, card: Gpu) -> bool:
    if word.startswith(("GPU-", "MIG-")):
        return card.uuid.startswith(word)
    return word == str(card.index)


_machine: list[Nvml] = []
_machine_lock = threading.Lock()


def _machine_nvml() -> Nvml:
    with _machine_lock:
        if not _machine:
            with contextlib.suppress(OSError):
                if Path(_WSL_LIBRARY).exists():
                    ctypes.CDLL(_WSL_LIBRARY)
            _machine.append(Nvml(importlib.import_module("pynvml")))
        return _machine[0]


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
