"""What a process holds besides its tensors, and how far that varies.

A context grows with the card's multiprocessors, some 3 to 3.5 MiB each: 141 MiB on a
T4 with 40 (79 runs, torch 2.10-2.14), 256 MiB idle on an RTX 3090 with 82 (torch 2.7),
426 MiB on an RTX 6000 Ada with 142 (torch 2.10). Where none was measured the largest
card of the generation stands for it, with wide bounds. A T4's is the same to 1 MiB from
run to run; `benchmarks.gpu_estimate` writes what another card's is.
"""

from dataclasses import dataclass

from core.estimate.acting.replay import Replayed
from core.estimate.acting.step import StepPeak
from core.estimate.loop import Habits
from core.hardware.budget import DeviceBudget
from core.units import MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    """MiB of a CUDA context after training, and how far off that may be."""

    mib: int
    spread_mib: int


# By compute capability (major * 10 + minor).
_CONTEXTS = {
    70: _Context(mib=270, spread_mib=150),
    75: _Context(mib=141, spread_mib=20),  # measured: T4
    80: _Context(mib=360, spread_mib=180),
    86: _Context(mib=280, spread_mib=100),  # measured: RTX 3090
    89: _Context(mib=426, spread_mib=120),  # measured: RTX 6000 Ada
    90: _Context(mib=430, spread_mib=220),
    100: _Context(mib=480, spread_mib=240),
    120: _Context(mib=540, spread_mib=270),
}
_UNKNOWN_CONTEXT = _Context(mib=400, spread_mib=270)
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
    spread = context.spread_mib * MIB
    if habits.fused_loss:
        # No block is larger than one chunk of logits and segments can grow
        # (expandable_segments), so little room is lost between blocks. Acted out over
        # 120 settings (benchmarks.estimate_growing): with fused attention 1.5-2.3 % in
        # the middle and up to 11 %, where every score exists 1.3-6.9 % and up to 18 %.
        eager = habits.kernel == "eager"
        fragmentation = allocated // (25 if eager else 40)
        scores = allocated // 10 if eager else 0
        return Outside(
            libraries=libraries,
            fragmentation=fragmentation,
            context=context.mib * MIB,
            less=allocated // 40 + spread,
            more=allocated // 25 + 100 * MIB + spread + scores,
        )
    # A plain loop's blocks of several sizes leave holes; replaying the allocator tells
    # how large. Sixteen-bit runs come out the same each time. Where weights are quantised
    # while they load, threads of transformers 5.0 raced: two runs of one setting differed
    # by 11 %, and one was 19 % above the replay.
    fragmentation = allocated // 10
    if replayed is not None:
        libraries = max(libraries, replayed.allocated - tensors)
        fragmentation = max(0, replayed.reserved - tensors - libraries)
    reserved = tensors + libraries + fragmentation
    share = 5 if habits.quantised else 20
    return Outside(
        libraries=libraries,
        fragmentation=fragmentation,
        context=context.mib * MIB,
        less=min(reserved // 20, reserved - tensors // 2) + spread,
        more=reserved // share + 50 * MIB + spread,
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


def _context(budget: DeviceBudget) -> _Context:
    if budget.compute_capability is None:
        return _UNKNOWN_CONTEXT
    major, minor = budget.compute_capability
    return _CONTEXTS.get(major * 10 + minor, _UNKNOWN_CONTEXT)
