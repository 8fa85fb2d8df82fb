"""Which GPUs there are, how much memory is free and who uses the rest, without torch.

Asking NVML costs no CUDA context; asking torch would hold 250-430 MiB of the card for
the window's whole life.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProcess:
    """Somebody who holds memory on the card."""

    pid: int
    name: str
    used: int | None = None
    """Bytes; None where the driver does not say (Windows)."""


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
