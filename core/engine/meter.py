"""How much memory a run takes: what the allocator says on a GPU, growth on a CPU."""

import torch

from core.engine.device import Compute
from core.hardware.machine import (
    forget_peak,
    peak_resident_bytes,
    resident_bytes,
)


class MemoryMeter:
    """Peak bytes from now on; made before the base model is loaded.

    On a CPU there is no allocator to ask: the growth of the resident memory counts, at
    its highest as the system itself keeps it. `watch` looks besides, for systems that
    cannot forget an older peak.
    """

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._began = 0 if compute.on_gpu else resident_bytes()
        self._peak = 0
        forget_peak()
        if compute.on_gpu:
            torch.cuda.reset_peak_memory_stats(compute.device)

    def watch(self) -> None:
        """Look now. Costs microseconds; nothing on a GPU, which keeps its own peak."""
        if not self._compute.on_gpu:
            self._peak = max(self._peak, resident_bytes() - self._began)

    def take(self) -> tuple[int, int]:
        """Return the peak (allocated, reserved) since the last call."""
        if self._compute.on_gpu:
            device = self._compute.device
            found = (
                torch.cuda.max_memory_allocated(device),
                torch.cuda.max_memory_reserved(device),
            )
            torch.cuda.reset_peak_memory_stats(device)
            return found
        self.watch()
        peak = max(self._peak, peak_resident_bytes() - self._began)
        self._peak = 0
        forget_peak()
        return peak, peak
