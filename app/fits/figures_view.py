"""What is behind the answer: each part with its formula, and the other uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.fits.state import FitsState
from app.setup.parts_view import PartRow, part_sizes, present_parts
from app.setup.words import verdict_words
from core.estimate.uses.price import UseEstimate, UseKind
from core.units import bytes_text

if TYPE_CHECKING:
    from app.theme.tokens import Tone

_USES: Final[dict[UseKind, str]] = {
    "chat": "Chat",
    "evaluate": "Evaluate",
    "merge": "Merge",
    "export": "Export",
}
_ASKED: Final[dict[UseKind, str]] = {
    "chat": "One conversation of 2,048 tokens, with one adapter.",
    "evaluate": "Held-out loss, in batches as they are trained.",
    "merge": "The adapter becomes part of the base; files for other programs.",
    "export": "To GGUF: merged first, then converted in 16 bits.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FormulaRow:
    """One part of the memory and how its figure comes about."""

    part: PartRow
    formula: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UseRow:
    """What one other use takes, and whether that is there."""

    name: str
    device: str
    host: str
    disk: str
    verdict: str
    tone: Tone
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresView:
    """Both tables."""

    title: str
    parts: tuple[FormulaRow, ...]
    uses: tuple[UseRow, ...]


def present_figures(state: FitsState) -> FiguresView | None:
    """Return the tables for the method chosen; None until there is an answer."""
    found = state.estimate
    if found is None:
        return None
    rows = present_parts(found, state.formulas)
    keys = [key for key, _ in part_sizes(found.components)]
    parts = [
        FormulaRow(part=row, formula=_formula(key, row, state))
        for key, row in zip(keys, rows, strict=False)
    ]
    parts += [FormulaRow(part=row, formula=row.what) for row in rows[len(keys) :]]
    return FiguresView(
        title="Part by part",
        parts=tuple(parts),
        uses=tuple(_use(one) for one in state.uses),
    )


def _formula(key: str, row: PartRow, state: FitsState) -> str:
    known = state.formulas.get(key)
    return known.words if known is not None else row.what


def _use(one: UseEstimate) -> UseRow:
    words, tone = verdict_words(one)
    parts = "\n".join(f"{part.name}: {part.formula}" for part in one.parts)
    return UseRow(
        name=_USES[one.use],
        device=_size(one.device),
        host=_size(one.host),
        disk=_size(one.disk),
        verdict=words,
        tone=tone,
        tip=f"{_ASKED[one.use]} {one.reason}\n{parts}",
    )


def _size(size: int) -> str:
    return bytes_text(size) if size else "–"
