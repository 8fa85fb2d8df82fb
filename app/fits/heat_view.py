"""Batch × length, as it is shown: a figure and a verdict for each cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.fits.axes import Axes, axes
from app.fits.state import FitsState
from app.setup.words import METHOD_NAMES, plural, verdict_words
from app.widgets.grid_values import HeatCell
from core.estimate.answer import MemoryEstimate
from core.units import GIB, bytes_text

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatView:
    """The whole map."""

    title: str
    grid: Axes
    cells: Mapping[tuple[int, int], HeatCell]
    """By row and column."""
    chosen: tuple[int, int] | None
    frontier: str
    """In words: how long each batch may be."""


def present_heat(state: FitsState) -> HeatView | None:
    """Return the map for the method chosen; None until a model is."""
    if state.shape is None or state.judged is None:
        return None
    grid = axes(state.plan, state.shape)
    train = state.plan.train
    cells = {
        (row, column): _figure(batch, length, state.cells[batch, length])
        for row, batch in enumerate(grid.batches)
        for column, length in enumerate(grid.lengths)
        if (batch, length) in state.cells
    }
    return HeatView(
        title=f"{METHOD_NAMES[state.plan.method.kind]}: batch × length",
        grid=grid,
        cells=cells,
        chosen=(
            grid.batches.index(train.batch_size), grid.lengths.index(train.seq_len)
        ),
        frontier=_frontier(state, grid),
    )  # fmt: skip


def _figure(batch: int, length: int, found: MemoryEstimate) -> HeatCell:
    words, tone = verdict_words(found)
    size = found.process / GIB
    free = f" of {bytes_text(found.available)}" if found.available is not None else ""
    return HeatCell(
        text=f"{size:.0f}" if size >= 99.5 else f"{size:.1f}",
        tone=tone,
        said=(
            f"{plural(batch, 'sequence')} of {length:,} tokens: {words}.\n"
            f"{bytes_text(found.process)}{free},"
            f" between {bytes_text(found.low)} and {bytes_text(found.high)}."
        ),
        fits=found.fits,
    )


def _frontier(state: FitsState, grid: Axes) -> str:
    """Return the edge in words: what a reader hears, and the copied text holds."""
    parts: list[str] = []
    for batch in grid.batches:
        known = [n for n in grid.lengths if (batch, n) in state.cells]
        if len(known) < len(grid.lengths):
            return ""
        fitting = [n for n in known if state.cells[batch, n].fits]
        if not fitting:
            break
        parts.append(f"{batch} × {max(fitting):,}")
    if not parts:
        return "Not even one short sequence fits."
    return f"Fits up to {', '.join(parts)} tokens."
