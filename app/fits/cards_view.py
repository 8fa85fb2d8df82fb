"""Which card would one need? Every card of the table, the smallest that fits first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.fits.state import FitsState
from app.setup.time_view import span
from app.setup.words import METHOD_NAMES, verdict_words
from core.hardware.cards import CardKind
from core.planner.which_card import CardFit, smallest
from core.units import GIB, bytes_text, rough_duration_text

if TYPE_CHECKING:
    from app.theme.tokens import Tone

_ROWS: Final = 1000  # rows the time is told for: nobody has chosen data here
_KINDS: Final[dict[CardKind, str]] = {
    "consumer": "",
    "laptop": "laptop",
    "workstation": "workstation",
    "data-centre": "data centre",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRow:
    """One card: what the plan needs there, and how long it takes."""

    name: str
    detail: str
    need: str
    tone: Tone
    need_tip: str
    time: str
    time_tip: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CardsView:
    """The table and what it comes to."""

    columns: tuple[str, ...]
    rows: tuple[CardRow, ...]
    summary: str


def present_cards(state: FitsState) -> CardsView | None:
    """Return every card for the plan of now; None until they were asked."""
    if not state.cards:
        return None
    length = state.plan.train.seq_len
    return CardsView(
        columns=("Card", "Needs", "Time"),
        rows=tuple(_row(one, state) for one in state.cards),
        summary=(
            f"{_summary(state)} Times are for {_ROWS:,} rows of {length:,} tokens."
        ),
    )


def _row(one: CardFit, state: FitsState) -> CardRow:
    words, tone = verdict_words(one.estimate)
    rate = one.forecast
    tokens = _ROWS * state.plan.train.seq_len
    kind = _KINDS[one.card.kind]
    size = f"{one.card.memory / GIB:.0f} GiB"
    return CardRow(
        name=one.card.name,
        detail=f"{kind} · {size}" if kind else size,
        need=bytes_text(one.estimate.process),
        tone=tone,
        need_tip=f"{words}. {one.estimate.reason}",
        time=(
            rough_duration_text(rate.seconds(tokens)[1])
            if rate and one.estimate.fits
            else ""
        ),
        time_tip=(
            f"{span(rate, tokens)}, at {rate.tokens_per_s:,.0f} tokens/s. {rate.reason}"
            if rate
            else "No rate is known for it."
        ),
        is_chosen=state.device_key == one.card.name,
    )


def _summary(state: FitsState) -> str:
    method = METHOD_NAMES[state.plan.method.kind]
    desk = smallest(state.cards)
    if desk is not None:
        return (
            f"For {method} with these settings a {desk.card.name} is the smallest"
            f" desktop card that fits: {bytes_text(desk.estimate.process)} of"
            f" {desk.card.memory / GIB:.0f} GiB."
        )
    larger = smallest(state.cards, ("workstation", "data-centre"))
    if larger is not None:
        return (
            f"No desktop card fits {method} with these settings; the smallest that"
            f" does is a {larger.card.name} with {larger.card.memory / GIB:.0f} GiB."
        )
    return f"No single card fits {method} with these settings."
