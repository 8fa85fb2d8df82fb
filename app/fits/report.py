"""The whole answer as plain text: for a mail, an issue, a note."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.fits.answer_view import AnswerView
from app.fits.cards_view import CardsView
from app.fits.figures_view import FiguresView
from app.fits.heat_view import HeatView
from app.fits.present import FitsView
from app.fits.state import FitsState
from app.setup.words import METHOD_NAMES
from core.units import bytes_text, count_text

_CARDS_TOLD = 5
_LONGEST_NAME = 100


def title_lines(state: FitsState) -> tuple[str, ...]:
    """Return what was asked: the model, the device, the settings."""
    chosen, budget, shape = state.chosen, state.judged, state.shape
    if chosen is None or budget is None or shape is None:
        return ("What fits?",)
    plan = state.plan
    train = plan.train
    checkpointing = ", gradient checkpointing" if train.gradient_checkpointing else ""
    method, size = METHOD_NAMES[plan.method.kind], count_text(shape.parameters)
    free, whole = bytes_text(budget.free), bytes_text(budget.total)
    settings = (
        f"Batch {train.batch_size}, {train.seq_len:,} tokens, rank {plan.method.rank},"
        f" accumulation {train.gradient_accumulation}{checkpointing}"
    )
    return (
        f"{method} of {chosen.name} ({size})",
        f"On {budget.name}: {free} free of {whole}",
        settings,
    )


def picture_name(state: FitsState) -> str:
    """Return a file's name for the answer: ``Qwen3-4B on GeForce RTX 4070.png``."""
    if state.chosen is None or state.judged is None:
        return "What fits.png"
    name = f"{state.chosen.name} on {state.judged.name}"
    return re.sub(r"[^\w .()+-]", "-", name)[:_LONGEST_NAME].strip() + ".png"


def answer_text(state: FitsState, view: FitsView) -> str:
    """Return everything the page says of the model chosen, in columns."""
    parts = [list(title_lines(state)), _answer(view.answer)]
    if view.figures is not None:
        parts += [_parts(view.figures), _uses(view.figures)]
    if view.heat is not None:
        parts.append(_heat(view.heat))
    if view.cards is not None:
        parts.append(_cards(view.cards))
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def _answer(view: AnswerView) -> list[str]:
    bars = [
        (
            bar.label,
            bytes_text(sum(part.size_bytes for part in bar.parts)),
            f"{bytes_text(bar.low_bytes)} to {bytes_text(bar.high_bytes)}",
            bar.verdict,
        )
        for bar in view.bars
    ]
    said = (view.reason, view.learned_text, view.time_line)
    return [*_columns(bars), *(text for text in said if text)]


def _parts(view: FiguresView) -> list[str]:
    rows = [
        (row.part.name, row.part.size, row.part.share, row.part.tip.split("\n")[-1])
        for row in view.parts
    ]
    return _columns(rows)


def _uses(view: FiguresView) -> list[str]:
    if not view.uses:
        return []
    head = ("Use", "Device", "Memory", "Disk", "")
    return _columns(
        [head]
        + [(one.name, one.device, one.host, one.disk, one.verdict) for one in view.uses]
    )


def _heat(view: HeatView) -> list[str]:
    """Return the map: a figure in GiB and a mark for each cell."""
    marks = {"good": "+", "warn": "~", "bad": "-"}
    head = ("batch", *(f"{length:,}" for length in view.grid.lengths))
    rows: list[tuple[str, ...]] = [head]
    for row, batch in enumerate(view.grid.batches):
        figures = [view.cells.get((row, at)) for at in range(len(view.grid.lengths))]
        rows.append(
            (
                str(batch),
                *(
                    f"{one.text}{marks.get(one.tone, '?')}" if one else ""
                    for one in figures
                ),
            )
        )
    legend = "GiB by batch and length; + fits, ~ tight, - too large"
    return [legend, *_columns(rows), view.frontier]


def _cards(view: CardsView) -> list[str]:
    fitting = [row for row in view.rows if row.tone in ("good", "warn")][:_CARDS_TOLD]
    rows = [(row.name, row.detail, row.need, row.time) for row in fitting]
    return [view.summary, *_columns(rows)]


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return `rows` with every column as wide as its widest entry."""
    if not rows:
        return []
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        "  ".join(
            text.ljust(width) for text, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
