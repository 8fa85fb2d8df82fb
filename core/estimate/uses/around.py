"""What a process that only reads or answers holds besides its tensors."""

from dataclasses import dataclass

from core.estimate.acting.prefill import ForwardPeak
from core.estimate.acting.step import StepPeak
from core.estimate.loop import Habits
from core.estimate.outside import OnHost, outside, workspace_bytes
from core.estimate.uses.answer import UsePart
from core.hardware.budget import DeviceBudget
from core.models.shape import ModelShape
from core.units import GIB, MIB

# Python, torch and CUDA's own libraries in main memory while a card computes: a round
# figure, not measured here.
_GPU_PROCESS_BYTES = 2 * GIB
_CPU_RUNTIME_BYTES = 100 * MIB
# The C library keeps a share of the small pieces that come and go, and gives a chunk of
# logits back at once. Measured with the chat and training engines on glibc 2.36, a
# 135-million model, 36 settings: 20-100 %.
_KEPT = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Parts besides the tensors, and how far the whole may be off."""

    parts: tuple[UsePart, ...]
    less: int
    more: int


def around(
    stays: int,
    peak: ForwardPeak,
    shape: ModelShape,
    budget: DeviceBudget,
    habits: Habits,
) -> Around:
    """Return what lies around `stays` bytes of weights and the `peak` of a pass."""
    if budget.kind == "cpu":
        return _on_cpu(stays, peak, shape, habits)
    found = outside(
        stays + peak.total,
        budget,
        habits,
        StepPeak(activations=peak.total, gradients=0, logits=0, workspace=0),
        on_host=OnHost(mapped_bytes=0, loading_bytes=0, logits=0),
    )
    # one thread, one workspace: there is no autograd thread
    libraries = min(found.libraries, workspace_bytes(budget))
    return Around(
        parts=(
            _part("libraries", libraries, "cuBLAS's workspace"),
            _part("gaps", found.fragmentation, "lost between blocks, about 1/40"),
            _part("context", found.context, "the driver's own"),
            UsePart(
                name="process",
                size=_GPU_PROCESS_BYTES,
                formula="Python, torch and CUDA libraries, a round figure",
                where="host",
            ),
        ),
        less=found.less,
        more=found.more,
    )


def _on_cpu(stays: int, peak: ForwardPeak, shape: ModelShape, habits: Habits) -> Around:
    """A processor: the mapped file, what the C library keeps, and loading's own peak.

    Weights used as they were read are the mapped file itself. Others are made from it:
    while widened ones are read the whole file is in memory too, and is let go of at the
    end; the copies that quantising makes leave room behind that stays.
    """
    mapped = 2 * shape.parameters
    kept = round(_KEPT * peak.in_layers)
    parts = [_part("runtime", _CPU_RUNTIME_BYTES, "kernels and threads, about")]
    more = round((1 - _KEPT) * peak.in_layers) + stays // 6 + 150 * MIB
    if habits.quantised:
        linear = 2 * sum(count * one.elements for one, count in shape.linears())
        kept += round(_KEPT * linear)
        more += linear
        parts.append(_part("file", mapped, f"2 B × {shape.parameters:,}, mapped"))
    parts.append(_part("kept", kept, "freed, but kept by the C library: about 60 %"))
    in_use = stays + peak.total + sum(part.size for part in parts)
    if habits.item_bytes != 2 and not habits.quantised:
        loading = max(0, stays + mapped - in_use)
        parts.append(_part("loading", loading, "more than that while the file is read"))
    return Around(
        parts=tuple(part for part in parts if part.size),
        less=kept + _CPU_RUNTIME_BYTES,
        more=more,
    )


def _part(name: str, size: int, formula: str) -> UsePart:
    return UsePart(name=name, size=size, formula=formula)
