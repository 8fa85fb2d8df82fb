"""A forecast of the rate, in JSON and in words."""

from typing import Any

from core.hardware.budget import DeviceBudget
from core.plan.plan import Plan
from core.planner.forecast import Forecast
from core.units import count_text, rough_duration_text
from core.wire import to_json

_ROWS = 1000


def speed_document(found: Forecast | None) -> dict[str, Any] | None:
    """Return ``{tokens_per_s, low, high, basis, reason}``, or None where unknown."""
    return None if found is None else to_json(found)


def speed_text(found: Forecast | None, plan: Plan, budget: DeviceBudget) -> str:
    """Return how long a thousand full rows take, or why that is not known."""
    if found is None:
        return _why_unknown(budget)
    tokens = _ROWS * plan.train.seq_len
    shortest, expected, longest = (
        rough_duration_text(seconds) for seconds in found.seconds(tokens)
    )
    return (
        f"About {count_text(found.tokens_per_s)} tokens/s: {expected} for {_ROWS:,} rows"
        f" of {plan.train.seq_len:,} tokens (between {shortest} and {longest})."
        f" {found.reason}"
    )


def _why_unknown(budget: DeviceBudget) -> str:
    if budget.kind == "cpu":
        return "How fast this processor trains is known once a run was measured on it."
    if budget.imagined and budget.compute_capability is None:
        return "A size says nothing of speed: name a card, such as --gpu 4090."
    return f"How fast the {budget.name} trains is known once a run was measured on it."
