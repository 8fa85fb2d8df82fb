"""What is computed between two paints: generators that fill tables, a cell at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.fits.axes import axes
from app.fits.state import USES, Estimates, Price, Prices
from app.setup.ports import Estimator
from core.errors import TunesmithError
from core.estimate.answer import MemoryEstimate, Verdict
from core.estimate.learned import Outcome
from core.estimate.uses.price import UseEstimate, use_estimate
from core.hardware.budget import DeviceBudget
from core.hardware.cards import cards
from core.models.facts import ModelFacts
from core.models.shape import ModelShape
from core.plan.fields import with_value
from core.plan.plan import MethodKind, Plan
from core.planner.advice import max_seq_len
from core.planner.which_card import CardFit, card_fit

_BETTER: Final[tuple[tuple[MethodKind, frozenset[Verdict]], ...]] = (
    ("lora", frozenset({"fits"})),
    ("qlora", frozenset({"fits", "tight"})),
    ("lora", frozenset({"tight"})),
)
CHECKPOINTING: Final = "train.gradient_checkpointing"
Cells = dict[tuple[int, int], MemoryEstimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One plan for one model on one device, and what earlier runs came to."""

    plan: Plan
    shape: ModelShape
    budget: DeviceBudget
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The same settings put to many models on one device."""

    plan: Plan
    budget: DeviceBudget
    kinds: tuple[MethodKind, ...]
    outcomes: tuple[Outcome, ...] = ()


def by_method(
    asked: Question, estimate: Estimator, kinds: Sequence[MethodKind]
) -> Estimates:
    """Return the estimate of each method for the same settings.

    Raises:
        TunesmithError: The plan cannot be priced, and why.
    """
    return {
        kind: estimate(
            with_value(asked.plan, "method.kind", kind),
            asked.shape,
            asked.budget,
            outcomes=asked.outcomes,
        )
        for kind in kinds
    }


def heat_key(asked: Question) -> Question:
    """Return what the map's cells depend on: equal keys have equal cells."""
    train = replace(asked.plan.train, batch_size=1, seq_len=8, seed=0)
    plan = Plan(method=asked.plan.method, train=train)
    return replace(asked, plan=plan)


def heat(asked: Question, estimate: Estimator, found: Cells) -> Iterator[None]:
    """Fill `found` with what is missing: short and small first, by diagonals."""
    grid = axes(asked.plan, asked.shape)
    order = sorted(
        (at + to, batch, length)
        for at, batch in enumerate(grid.batches)
        for to, length in enumerate(grid.lengths)
    )
    for _, batch, length in order:
        if (batch, length) not in found:
            train = replace(asked.plan.train, batch_size=batch, seq_len=length)
            plan = replace(asked.plan, train=train)
            found[batch, length] = estimate(
                plan, asked.shape, asked.budget, outcomes=asked.outcomes
            )
            yield


def ask_cards(asked: Question, found: list[CardFit]) -> Iterator[None]:
    """Fill `found` with what the plan needs on every card of the table."""
    for card in cards():
        found.append(card_fit(card, asked.plan, asked.shape, asked.outcomes))
        yield


def ask_uses(
    asked: Question,
    host_free: int | None,
    disk_free: int | None,
    found: list[UseEstimate],
) -> Iterator[None]:
    """Fill `found` with chat, evaluation, merging and export."""
    for use in USES:
        found.append(
            use_estimate(
                use,
                asked.plan,
                asked.shape,
                asked.budget,
                host_free=host_free,
                disk_free=disk_free,
            )
        )
        yield


def price_models(
    models: Sequence[ModelFacts],
    shape_of: Callable[[ModelFacts], ModelShape],
    asked: Offer,
    estimate: Estimator,
    found: dict[str, Prices],
) -> Iterator[None]:
    """Fill `found` with every model's price by every method asked for."""
    for model in models:
        try:
            shape = shape_of(model)
        except TunesmithError:  # its sizes are not known until it is here
            found[model.id] = {}
            continue
        mine = _of_model(model, shape, asked)
        prices: dict[MethodKind, Price] = {}
        for kind in asked.kinds:
            with contextlib.suppress(TunesmithError):  # not for this architecture
                prices[kind] = _price(mine, estimate, kind)
            yield
        found[model.id] = prices


def longest_fits(
    models: Sequence[ModelFacts],
    shape_of: Callable[[ModelFacts], ModelShape],
    asked: Offer,
    prices: Mapping[str, Prices],
    found: dict[str, int],
) -> Iterator[None]:
    """Fill `found` with the longest sequence each model takes by its better method."""
    for model in models:
        best = best_price(prices.get(model.id, {}))
        if model.id in found or best is None:
            continue
        try:
            mine = _of_model(model, shape_of(model), asked)
            plan = with_value(mine.plan, "method.kind", best.estimate.method)
            if best.checkpointed is not None:
                plan = with_value(plan, CHECKPOINTING, value=True)
            found[model.id] = max_seq_len(
                plan, mine.shape, mine.budget, outcomes=asked.outcomes
            )
        except TunesmithError:
            found[model.id] = 0
        yield


def best_price(prices: Prices) -> Price | None:
    """Return LoRA where it fits with room, else QLoRA where that fits, else LoRA.

    As it is set first, then with gradient checkpointing; None where nothing fits.
    """
    for checkpointed in (False, True):
        for kind, verdicts in _BETTER:
            price = prices.get(kind)
            if price is None or (price.checkpointed is not None) != checkpointed:
                continue
            if price.estimate.verdict in verdicts:
                return price
    return None


def _price(asked: Question, estimate: Estimator, kind: MethodKind) -> Price:
    """Return the price, with checkpointing too where only that makes it fit.

    A model that can be trained here must not look as if it could not.
    """
    as_set = by_method(asked, estimate, (kind,))[kind]
    if as_set.fits or asked.plan.train.gradient_checkpointing:
        return Price(as_set=as_set)
    leaner = replace(asked, plan=with_value(asked.plan, CHECKPOINTING, value=True))
    found = by_method(leaner, estimate, (kind,))[kind]
    return Price(as_set=as_set, checkpointed=found if found.fits else None)


def _of_model(model: ModelFacts, shape: ModelShape, asked: Offer) -> Question:
    """Return the question for one model, no longer than it reads."""
    plan = with_value(asked.plan, "model.id", model.id)
    longest = shape.context_length
    if longest and plan.train.seq_len > longest:
        plan = with_value(plan, "train.seq_len", longest)
    return Question(
        plan=plan, shape=shape, budget=asked.budget, outcomes=asked.outcomes
    )
