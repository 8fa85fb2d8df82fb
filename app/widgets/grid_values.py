"""What tables and maps of verdicts show: plain values, without Qt, for a page to make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.theme.tokens import Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class GridCell:
    """A figure; with a tone it is a verdict and wears its mark."""

    text: str = ""
    tone: Tone | None = None
    tip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRow:
    """One model: its name, a second line, and a cell for each further column."""

    key: str
    name: str
    detail: str = ""
    cells: tuple[GridCell, ...] = ()
    is_chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatCell:
    """One answer: a short figure, its tone, and the whole of it in words."""

    text: str
    tone: Tone
    said: str
    fits: bool
