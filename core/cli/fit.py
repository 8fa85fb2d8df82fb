"""``fit``: what to change so that a run fits, which card, or which model."""

from collections.abc import Sequence
from typing import Any, cast

from core.cli.asked import asked, chosen_budget, estimate_document
from core.cli.plan_flags import given_keys, plan_with_flags
from core.cli.request import Request
from core.cli.speed import speed_document, speed_text
from core.cli.table import table
from core.hardware.budget import DeviceBudget
from core.models.catalogue import catalogue, catalogue_shape
from core.plan.codec import field_named, to_tree
from core.plan.plan import Plan
from core.planner.advice import Change, Fit, fit_plan
from core.planner.forecast import Forecast, forecast
from core.planner.ranking import rank
from core.planner.which_card import CardFit, smallest, which_cards
from core.runs.outcomes import read_outcomes
from core.units import bytes_text, count_text


def fit_command(request: Request) -> int:
    """Answer with the best plan that fits, and what was changed for it.

    Beside it stand the cards on which the plan would fit as it was asked for. Without a
    model: which models of the catalogue fit, the largest first.
    """
    if request.arguments.model is None:
        return _rank_command(request)
    plan, shape = asked(request)
    keep = [*_kept(request), *given_keys(request.arguments)]
    budget = chosen_budget(request)
    outcomes = read_outcomes(request.places)
    fit = fit_plan(plan, shape, budget, keep=keep, outcomes=outcomes)
    rate = forecast(fit.plan, shape, budget, outcomes)
    cards = which_cards(plan, shape)
    request.console.answer(
        {
            "plan": to_tree(fit.plan),
            "changes": [_change(change) for change in fit.changes],
            "estimate": estimate_document(fit.estimate),
            "fits": fit.estimate.fits,
            "max_seq_len": fit.max_seq_len,
            "max_batch": fit.max_batch,
            "forecast": speed_document(rate),
            "cards": [_card(one) for one in cards],
        },
        _fit_text(fit, budget, rate, cards),
    )
    return 0


def _rank_command(request: Request) -> int:
    plan = plan_with_flags(Plan(), request.arguments)
    budget = chosen_budget(request)
    known = [(facts, catalogue_shape(facts.id)) for facts in catalogue()]
    ranked = rank(
        [(f, s) for f, s in known if s is not None],
        plan,
        budget,
        outcomes=read_outcomes(request.places),
    )
    rows = [
        (
            one.facts.id,
            count_text(one.facts.parameters or 0),
            one.method,
            bytes_text(one.estimate.process),
            one.estimate.verdict,
        )
        for one in ranked
    ]
    request.console.answer(
        {
            "models": [
                {
                    "id": one.facts.id,
                    "parameters": one.facts.parameters,
                    **estimate_document(one.estimate),
                }
                for one in ranked
            ],
            "device": budget.name,
        },
        table(("MODEL", "SIZE", "METHOD", "NEEDS", "VERDICT"), rows),
    )
    return 0


def _kept(request: Request) -> list[str]:
    names: list[str] = [part.strip() for part in request.arguments.keep.split(",")]
    known = {"batch": "train.batch_size", "method": "method.kind"}
    return [known.get(name) or field_named(name).key for name in names if name]


def _change(change: Change) -> dict[str, Any]:
    return {
        "field": change.field,
        "from": change.before,
        "to": change.after,
        "saves": change.saves,
        "why": change.why,
    }


def _card(one: CardFit) -> dict[str, Any]:
    return {
        "name": one.card.name,
        "kind": one.card.kind,
        "memory": one.card.memory,
        "process": one.estimate.process,
        "verdict": one.estimate.verdict,
        "tokens_per_s": None if one.forecast is None else one.forecast.tokens_per_s,
    }


def _fit_text(
    fit: Fit,
    budget: DeviceBudget,
    rate: Forecast | None,
    cards: Sequence[CardFit],
) -> str:
    changes = [
        (c.field, f"{_said(c.before)} → {_said(c.after)}", bytes_text(c.saves), c.why)
        for c in fit.changes
    ]
    return "\n\n".join(
        (
            fit.estimate.reason
            if fit.estimate.fits or not fit.changes or fit.estimate.verdict == "unknown"
            else f"Even with all of this it does not fit. {fit.estimate.reason}",
            table(("SETTING", "CHANGE", "SAVES", "WHY"), changes)
            if changes
            else f"Nothing needs to change for {budget.name}.",
            f"Longest sequence {fit.max_seq_len} tokens, largest batch {fit.max_batch}.",
            speed_text(rate, fit.plan, budget),
            _cards_text(cards, changed=bool(fit.changes)),
        )
    )


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(str(part) for part in cast("tuple[object, ...]", value))
    return str(value)


def _cards_text(cards: Sequence[CardFit], *, changed: bool) -> str:
    """Return the smallest card for a desk and for a rack that take the plan as asked."""
    wished = "As it was asked for, it" if changed else "It"
    desk = smallest(cards) or smallest(cards, ("workstation",))
    named = [
        f"the {one.card.name} ({bytes_text(one.card.memory)})"
        for one in (desk, smallest(cards, ("data-centre",)))
        if one is not None
    ]
    if not named:
        return f"{wished} fits no single card of the table."
    return f"{wished} fits cards from {' or, in a data centre, '.join(named)} up."
