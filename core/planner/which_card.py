"""Which graphics card would a plan need? Every card of the table, asked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.estimate.answer import MemoryEstimate
from core.estimate.learned import Outcome
from core.estimate.memory import estimate
from core.hardware.budget import card_budget
from core.hardware.cards import Card, CardKind, cards
from core.models.shape import ModelShape
from core.plan.plan import Plan
from core.planner.forecast import Forecast, forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFit:
    """What a plan would need on one card, and how fast it would be there."""

    card: Card
    estimate: MemoryEstimate
    forecast: Forecast | None


def which_cards(
    plan: Plan, shape: ModelShape, *, outcomes: Sequence[Outcome] = ()
) -> tuple[CardFit, ...]:
    """Return every card of the table, the smallest that fits first.

    Among cards of one size the slower stands first, for it is what one needs at least;
    cards that are too small follow, the largest first. Takes some 100 ms.

    Args:
        plan: Method and training settings.
        shape: The base model.
        outcomes: Runs of this machine; they count for a card that is in it.
    """
    return in_order([card_fit(card, plan, shape, outcomes) for card in cards()])


def in_order(fits: Iterable[CardFit]) -> tuple[CardFit, ...]:
    """Return `fits` in the order of `which_cards`."""
    return tuple(sorted(fits, key=_order))


def smallest(
    fits: Sequence[CardFit], kinds: Sequence[CardKind] = ("consumer",)
) -> CardFit | None:
    """Return the first card of these kinds that fits, or None."""
    wanted = (one for one in fits if one.card.kind in kinds and one.estimate.fits)
    return next(wanted, None)


def card_fit(
    card: Card, plan: Plan, shape: ModelShape, outcomes: Sequence[Outcome] = ()
) -> CardFit:
    """Return the answer for one card: a window asks one at a time."""
    budget = card_budget(card)
    return CardFit(
        card=card,
        estimate=estimate(plan, shape, budget),
        forecast=forecast(plan, shape, budget, outcomes),
    )


def _order(one: CardFit) -> tuple[bool, int, float, str]:
    gib = round(one.card.memory / 2**30)  # makers' sizes, whatever drivers take
    rate = one.forecast.tokens_per_s if one.forecast else 0.0
    fits = one.estimate.fits
    return not fits, gib if fits else -gib, rate, one.card.name
