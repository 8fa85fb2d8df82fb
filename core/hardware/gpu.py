"""Which GPUs there are, how much memory is free and who uses the rest, without torch.

Asking NVML costs no CUDA context; asking torch would hold 250-430 MiB of the card for
the window's whole life.
"""

import contextlib
import importlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from core.hardware.occupant import ProcessRole, occupant


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

    def gpus(self) -> tuple[Gpu, ...]:
        """Return the cards the driver knows; empty without a working driver."""
        with self._lock:
            try:
                if not self._open:
                    self._nvml.nvmlInit()
                    self._open = True
                count = int(self._nvml.nvmlDeviceGetCount())
            except (self._nvml.NVMLError, OSError):
                self._close()
                return ()
            cards = (self._card(index) for index in range(count))
            return tuple(card for card in cards if card is not None)

    def _close(self) -> None:
        if self._open:
            self._open = False
            with contextlib.suppress(self._nvml.NVMLError, OSError):
                self._nvml.nvmlShutdown()

    def _card(self, index: int) -> Gpu | None:
        nvml = self._nvml
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            memory = nvml.nvmlDeviceGetMemoryInfo(handle)
            major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
            return Gpu(
                index=index,
                name=_text(nvml.nvmlDeviceGetName(handle)),
                total=int(memory.total),
                free=int(memory.free),
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
                processes=tuple(self._processes(handle)),
            )
        except (nvml.NVMLError, OSError):
            return None

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


_machine: list[Nvml] = []
_machine_lock = threading.Lock()


def _machine_nvml() -> Nvml:
    with _machine_lock:
        if not _machine:
            _machine.append(Nvml(importlib.import_module("pynvml")))
        return _machine[0]


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
