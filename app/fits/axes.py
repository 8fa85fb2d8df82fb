"""The batches and lengths the heat map walks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from core.models.shape import ModelShape
from core.plan.plan import Plan

_BATCHES: Final = (1, 2, 4, 8, 16, 32, 64)
_SHORTEST: Final = 128
_LONGEST: Final = 131_072
_UNKNOWN_CONTEXT: Final = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """Batch sizes from the smallest, lengths from the shortest; those of now among them."""

    batches: tuple[int, ...]
    lengths: tuple[int, ...]


def axes(plan: Plan, shape: ModelShape) -> Axes:
    """Return doubling batches and lengths up to what the model reads."""
    longest = min(shape.context_length or _UNKNOWN_CONTEXT, _LONGEST)
    lengths = {longest, plan.train.seq_len}
    step = _SHORTEST
    while step < longest:
        lengths.add(step)
        step *= 2
    return Axes(
        batches=tuple(sorted({*_BATCHES, plan.train.batch_size})),
        lengths=tuple(sorted(lengths)),
    )
