"""What a process holds besides its tensors, and how far that varies.

Sources: CUDA contexts as measured (research notes below each figure); cuBLAS workspaces
from c10/cuda and at::cuda::getChosenWorkspaceSize.
"""

from dataclasses import dataclass

from core.estimate.loop import Habits
from core.estimate.replay import Replayed
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
# cuBLAS's workspace, one for the forward and one for the autograd thread: 8.125 MiB,
# 32 MiB from Hopper on (ATen/cuda/CublasHandlePool.cpp).
_CUBLAS_BYTES = 8 * MIB + MIB // 8
_CUBLAS_HOPPER_BYTES = 32 * MIB
_CPU_RUNTIME_BYTES = 100 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Bytes outside the tensors. `less` and `more` bound the whole process."""

    libraries: int
    fragmentation: int
    context: int
    less: int
    more: int


def outside(
    tensors: int,
    budget: DeviceBudget,
    habits: Habits,
    peak: StepPeak,
    *,
    file_bytes: int,
    replayed: Replayed | None = None,
) -> Outside:
    """Return what lies around `tensors` bytes on the device of `budget`.

    `file_bytes` are those of the model's 16-bit weights on disk, `replayed` what the
    allocator hands out and reserves for the tensors, where that was acted out.
    """
    if budget.kind == "cpu":
        return _on_cpu(tensors, habits, peak, file_bytes)
    libraries = 2 * workspace_bytes(budget)
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
    # A plain loop's blocks of several sizes leave holes; replaying the allocator tells
    # how large. Two runs of one setting still differ by up to 11 %.
    fragmentation = allocated // 10
    if replayed is not None:
        libraries = max(libraries, replayed.allocated - tensors)
        fragmentation = max(0, replayed.reserved - tensors - libraries)
    reserved = tensors + libraries + fragmentation
    return Outside(
        libraries=libraries,
        fragmentation=fragmentation,
        context=context,
        less=min(reserved // 12, reserved - tensors // 2),
        more=reserved // 12 + 100 * MIB,
    )


def _on_cpu(tensors: int, habits: Habits, peak: StepPeak, file_bytes: int) -> Outside:
    """What a process grows by on a processor, besides its tensors.

    The model file stays mapped while its 16-bit weights are read; where they are used
    as they are, the mapping is the weights. The C library keeps a share of what comes
    and goes (measured on glibc 2.36 with a 135-million model, 10 settings: 23-44 %, once
    three times as much), and kernels and threads take some room.
    """
    converted = habits.item_bytes != 2 or habits.quantised
    mapped = file_bytes if converted else 0
    moving = peak.total
    kept = moving * 35 // 100
    return Outside(
        libraries=0,
        fragmentation=mapped + kept + _CPU_RUNTIME_BYTES,
        context=0,
        less=kept + _CPU_RUNTIME_BYTES,
        more=(tensors + mapped) // 4 + moving + 150 * MIB,
    )


def workspace_bytes(budget: DeviceBudget) -> int:
    """Return the bytes of one cuBLAS workspace on the device of `budget`."""
    capability = budget.compute_capability
    if capability is not None and capability >= (9, 0) and capability < (12, 0):
        return _CUBLAS_HOPPER_BYTES
    return _CUBLAS_BYTES


def _context(budget: DeviceBudget) -> int:
    if budget.compute_capability is None:
        return _CONTEXT_UNKNOWN_MIB * MIB
    major, minor = budget.compute_capability
    return _CONTEXT_MIB.get(major * 10 + minor, _CONTEXT_UNKNOWN_MIB) * MIB
