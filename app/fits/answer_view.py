"""The answer for one model, device and plan: a sentence, the bars, what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.fits.state import COMPARED, FitsState
from app.setup.exact_view import ExactView, present_exact
from app.setup.fit_view import BarRow, bar_row
from app.setup.offer_view import present_offer
from app.setup.state import Failure
from app.setup.time_view import time_text
from app.setup.words import METHOD_NAMES, TRAINABLE, verdict_words
from core.estimate.answer import MemoryEstimate
from core.units import bytes_text

if TYPE_CHECKING:
    from app.theme.tokens import Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """The first card."""

    headline: str
    verdict: str
    tone: Tone
    reason: str
    bars: tuple[BarRow, ...]
    free_bytes: int
    free_label: str
    learned_text: str
    """How far this machine's last runs were from what was predicted."""
    time_line: str
    can_make_fit: bool
    offer_text: str
    """What "Make it fit" changed, or why it could not."""
    exact: ExactView
    compares_all: bool
    empty_text: str
    failure: Failure | None


def present_answer(state: FitsState) -> AnswerView:
    """Return the answer for the question of now."""
    found = state.estimate
    words, tone = verdict_words(found) if found else ("", "neutral")
    return AnswerView(
        headline=_headline(state, found),
        verdict=words,
        tone=tone,
        reason=found.reason if found else "",
        bars=_bars(state),
        free_bytes=(found.available or 0) if found else 0,
        free_label="free there" if state.other else "free now",
        learned_text=_learned_text(found),
        time_line=_time_line(state) if found else "",
        can_make_fit=found is not None and not found.fits,
        offer_text=_offer_text(state),
        exact=present_exact(state.exact),
        compares_all=state.compares_all,
        empty_text="" if found or state.failure else _empty_text(state),
        failure=state.failure,
    )


def _headline(state: FitsState, found: MemoryEstimate | None) -> str:
    if found is None or state.chosen is None or state.judged is None:
        return ""
    return (
        f"{METHOD_NAMES[found.method]} of {state.chosen.name}:"
        f" {bytes_text(found.process)} of {bytes_text(state.judged.free)}"
    )


def _learned_text(found: MemoryEstimate | None) -> str:
    if found is None or found.learned is None:
        return ""
    text = found.learned.text
    return f"{text[:1].upper()}{text[1:]}."


def _time_line(state: FitsState) -> str:
    text = time_text(state.plan, None, state.forecast, state.judged)
    return f"Time: {text[:1].lower()}{text[1:]}" if text else ""


def _offer_text(state: FitsState) -> str:
    offer = present_offer(state.offer)
    if offer is None:
        return ""
    changes = (f"{one.text}. {one.why}" for one in offer.changes)
    return "\n".join([offer.title.rstrip(".") + ".", *changes])


def _bars(state: FitsState) -> tuple[BarRow, ...]:
    kinds = COMPARED if state.compares_all else TRAINABLE
    return tuple(
        bar_row(state.estimates[kind], is_chosen=kind == state.plan.method.kind)
        for kind in kinds
        if kind in state.estimates
    )


def _empty_text(state: FitsState) -> str:
    if state.listed is None or state.budget is None:
        return "Looking at this machine and its models…"
    if state.shape is None:
        return "Choose a model, and its memory is drawn here."
    return "Working it out…"
