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
# Pages of kernels' code, kernels made for the shapes met, threads.
_CPU_RUNTIME_BYTES = 64 * MIB
# The largest block of ours, the logits of a chunk in 32 bits (`chunk_tokens`).
_CHUNK_BYTES = 256 * MIB
# Blocks of more are mapped on their own and given back at once (glibc's
# DEFAULT_MMAP_THRESHOLD_MAX).
_HEAP_BLOCK_BYTES = 32 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Bytes outside the tensors. `less` and `more` bound the whole process."""

    libraries: int
    fragmentation: int
    context: int
    less: int
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OnHost:
    """What decides how much main memory a run takes besides its tensors."""

    mapped_bytes: int
    """Of the model's file, mapped all along and not computed with."""
    loading_bytes: int
    """Weights and file together, while the former are made from the latter."""
    logits: int
    """Elements of the logits that exist at once."""


def outside(
    tensors: int,
    budget: DeviceBudget,
    habits: Habits,
    peak: StepPeak,
    *,
    on_host: OnHost,
    replayed: Replayed | None = None,
) -> Outside:
    """Return what lies around `tensors` bytes on the device of `budget`.

    `on_host` counts on a processor, `replayed` is what the allocator of a card hands out
    and reserves for the tensors, where that was acted out.
    """
    if budget.kind == "cpu":
        return _on_cpu(tensors, habits, peak, on_host)
    libraries = 2 * workspace_bytes(budget)
    allocated = tensors + libraries
    context = _context(budget)
    spread = context.spread_mib * MIB
    if habits.fused_loss:
        # Whether a hole is met depends on the rows before; where every score exists
        # holes are as large as those.
        eager = habits.kernel == "eager"
        fragmentation = allocated // (25 if eager else 40)
        if replayed is not None:
            fragmentation = replayed.reserved - allocated
        scores = allocated // 10 if eager else 0
        if not budget.growing_segments:  # a block without a hole gets a segment
            scores += _CHUNK_BYTES
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


def _on_cpu(tensors: int, habits: Habits, peak: StepPeak, host: OnHost) -> Outside:
    """What a process grows by on a processor, besides its tensors.

    A heap that joins what is freed (`core.launch.run_environment`) loses about a tenth
    of what comes and goes. Logits of one batch lie in it and those of a longer one do
    not: then the room of the former is there and of no use. Measured on glibc 2.36 with
    a 135-million model, 14 runs of 10 to 49 steps. Another heap, or glibc's as it is by
    itself, loses up to nine tenths: the upper bound holds those as well.
    """
    moving = peak.total
    kept = moving // 10 + _idle_logits(host.logits, habits)
    around = host.mapped_bytes + kept + _CPU_RUNTIME_BYTES
    return Outside(
        libraries=0,
        fragmentation=max(around, host.loading_bytes - tensors),
        context=0,
        less=kept + _CPU_RUNTIME_BYTES,
        more=tensors // 10 + moving + 150 * MIB,
    )


def _idle_logits(logits: int, habits: Habits) -> int:
    """Return the heap's room for logits where a batch's own are mapped on their own.

    They are there in the format of the products and in 32 bits.
    """
    blocks = {logits * habits.item_bytes, logits * 4}
    return sum(_HEAP_BLOCK_BYTES for block in blocks if block > _HEAP_BLOCK_BYTES)


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
