"""What a process holds besides its tensors, and how far that varies.

Sources: CUDA contexts as measured (research notes below each figure); cuBLAS workspaces
from c10/cuda and at::cuda::getChosenWorkspaceSize; fragmentation from published runs of
plain loops, where reserved memory exceeds allocated by 3-49 %.
"""

from dataclasses import dataclass

from core.estimate.loop import Habits
from core.estimate.step import StepPeak
from core.hardware.budget import DeviceBudget
from core.units import MIB

# Bytes of a context after training, by compute capability (major * 10 + minor).
_CONTEXT_MIB = {
    70: 300,
    75: 141,  # Tesla T4, torch 2.10-2.14, 79 runs
    80: 420,
    86: 280,  # RTX 3090, 256 MiB idle, torch 2.7 with CUDA 12.8
    89: 426,  # RTX 6000 Ada, torch 2.10 with CUDA 13.0
    90: 520,
    100: 600,
    120: 450,
}
_CONTEXT_UNKNOWN_MIB = 350
# One workspace for the forward and one for the autograd thread: 8.125 MiB each, 32 MiB
# from Hopper on (ATen/cuda/CublasHandlePool.cpp).
_CUBLAS_BYTES = 2 * (8 * MIB + MIB // 8)
_CUBLAS_HOPPER_BYTES = 2 * 32 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Bytes outside the tensors. `less` and `more` bound the whole process."""

    libraries: int
    fragmentation: int
    context: int
    less: int
    more: int


def outside(
    tensors: int, budget: DeviceBudget, habits: Habits, peak: StepPeak
) -> Outside:
    """Return what lies around `tensors` bytes on the device of `budget`."""
    if budget.kind == "cpu":
        return _on_cpu(tensors)
    libraries = _libraries(budget)
    allocated = tensors + libraries
    context = _context(budget)
    if habits.fused_loss:
        # No block is larger than one chunk of logits and segments can grow
        # (expandable_segments), so little room is lost between blocks.
        fragmentation = allocated // 40
        return Outside(
            libraries=libraries,
            fragmentation=fragmentation,
            context=context,
            less=allocated // 40 + context // 4,
            more=allocated // 25 + 150 * MIB,
        )
    # Blocks of several logits' size come and go: holes as large as a share of what is
    # not there all the time.
    moving = peak.total
    fragmentation = allocated // 50 + moving // 9
    return Outside(
        libraries=libraries,
        fragmentation=fragmentation,
        context=context,
        less=fragmentation + context // 4,
        more=allocated // 12 + moving // 6 + 150 * MIB,
    )


def _on_cpu(tensors: int) -> Outside:
    """The C library keeps freed pages and pads blocks; nothing else is there."""
    return Outside(
        libraries=0,
        fragmentation=tensors // 20,
        context=0,
        less=tensors // 8,
        more=tensors // 6 + 200 * MIB,
    )


def _libraries(budget: DeviceBudget) -> int:
    capability = budget.compute_capability
    if capability is not None and capability >= (9, 0) and capability < (12, 0):
        return _CUBLAS_HOPPER_BYTES
    return _CUBLAS_BYTES


def _context(budget: DeviceBudget) -> int:
    if budget.compute_capability is None:
        return _CONTEXT_UNKNOWN_MIB * MIB
    major, minor = budget.compute_capability
    return _CONTEXT_MIB.get(major * 10 + minor, _CONTEXT_UNKNOWN_MIB) * MIB
