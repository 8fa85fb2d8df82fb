"""Which graphics card the draft would need, as it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.setup.words import verdict_words
from core.planner.which_card import CardFit, smallest
from core.units import bytes_text

if TYPE_CHECKING:
    from app.theme.tokens import Tone

_SHOWN: Final = 6
_OWN: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CardLine:
    """One card, what the draft needs there, and how fast it would be."""

    name: str
    detail: str
    verdict: str
    tone: Tone
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardsView:
    """The smallest cards that fit, and a sentence on the whole table."""

    text: str
    lines: tuple[CardLine, ...]


def present_cards(cards: Sequence[CardFit] | None) -> CardsView | None:
    """Return the smallest cards that fit, one of each size; None where nobody asked."""
    if cards is None:
        return None
    fitting = [one for one in cards if one.estimate.fits]
    if not fitting:
        return CardsView(text=_none_text(cards), lines=tuple(map(_line, cards[:1])))
    text = (
        f"{_first_text(fitting)} {len(fitting)} of {len(cards)} cards known here fit."
    )
    return CardsView(text=text, lines=tuple(_line(one) for one in _spread(fitting)))


def _first_text(fitting: Sequence[CardFit]) -> str:
    first, own = fitting[0], smallest(fitting)
    if own is None:
        return (
            f"No card for a desktop computer holds it; the smallest of the others is"
            f" the {first.card.name} ({_size(first)})."
        )
    return (
        f"The smallest for a desktop computer is the {own.card.name} ({_size(own)})."
        + (f" Of all, {first.card.name} ({_size(first)})." if first != own else "")
    )


def _spread(fitting: Sequence[CardFit]) -> list[CardFit]:
    """Return the first card of each kind and size: six lines tell of many.

    Cards for a desktop computer stand first: those are bought by one person.
    """
    seen: set[tuple[str, str]] = set()
    found: list[CardFit] = []
    for one in sorted(fitting, key=lambda one: one.card.kind != "consumer"):
        key = one.card.kind, _size(one)
        if key not in seen:
            seen.add(key)
            found.append(one)
    own = [one for one in found if one.card.kind == "consumer"][:_OWN]
    rest = [one for one in found if one.card.kind != "consumer"]
    return [*own, *rest][:_SHOWN]


def _none_text(cards: Sequence[CardFit]) -> str:
    if not cards:
        return "No card is known here."
    largest = cards[0]
    return (
        f"No card known here holds it as it is; the largest, {largest.card.name}, has"
        f" {_size(largest)}. “Make it fit” shows what would help."
    )


def _line(one: CardFit) -> CardLine:
    words, tone = verdict_words(one.estimate)
    need = f"needs {bytes_text(one.estimate.process)} of {_size(one)}"
    rate = f", {one.forecast.tokens_per_s:,.0f} tokens/s" if one.forecast else ""
    return CardLine(
        name=one.card.name,
        detail=need + rate,
        verdict=words,
        tone=tone,
        tip=f"{one.estimate.reason}\nClick to judge by this card.",
    )


def _size(one: CardFit) -> str:
    return f"{round(one.card.memory / 2**30)} GiB"
