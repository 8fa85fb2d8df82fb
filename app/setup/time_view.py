"""How long the draft would learn, in words: from the card's data sheet or from runs."""

from __future__ import annotations

from typing import Final

from app.setup.report import DataReport
from core.hardware.budget import DeviceBudget
from core.plan.plan import Plan
from core.planner.forecast import Forecast
from core.units import rough_duration_text

_ROWS: Final = 1000  # rows the time is told for while the data is not chosen


def row_tokens(plan: Plan, report: DataReport | None) -> float | None:
    """Return the mean tokens a row is learnt with; None until they are counted."""
    if report is None or report.tokens is None or not report.usable:
        return None
    return max(1.0, min(report.tokens.total / report.usable, plan.train.seq_len))


def longest_row_tokens(report: DataReport | None) -> int | None:
    """Return the tokens of the longest row; None where not counted, or rows are cut."""
    if report is None or report.tokens is None or report.format == "text":
        return None
    return report.tokens.longest or None


def epoch_tokens(plan: Plan, report: DataReport | None) -> float | None:
    """Return the tokens of one pass over the training rows; None if not counted."""
    mean = row_tokens(plan, report)
    if mean is None or report is None or report.tokens is None:
        return None
    if report.format == "text":  # laid end to end: nothing is cut off
        return report.tokens.total * (1 - plan.data.eval_fraction)
    rows = report.train_rows if report.train_rows is not None else report.usable
    return rows * mean or None


def time_line(
    plan: Plan,
    report: DataReport | None,
    forecast: Forecast | None,
    budget: DeviceBudget | None,
) -> str:
    """Return `time_text` as a line that says what it is about."""
    text = time_text(plan, report, forecast, budget)
    return f"Time: {text[:1].lower()}{text[1:]}" if text else ""


def time_text(
    plan: Plan,
    report: DataReport | None,
    forecast: Forecast | None,
    budget: DeviceBudget | None,
) -> str:
    """Return the time of an epoch in a sentence, with what it rests on.

    Without data it is the time of 1,000 full rows; where no rate is known it says why.
    """
    if forecast is None:
        return _why_unknown(budget)
    tokens = epoch_tokens(plan, report)
    if tokens is None:
        rows = f"{_ROWS:,} rows of {plan.train.seq_len:,} tokens"
        said = f"{span(forecast, _ROWS * plan.train.seq_len)} for {rows}"
    else:
        said = f"{span(forecast, tokens)} an epoch"
    rate = f"{forecast.tokens_per_s:,.0f} tokens/s"
    return f"{said[:1].upper()}{said[1:]}, at {rate}. {forecast.reason}"


def run_time_text(
    plan: Plan, report: DataReport | None, forecast: Forecast | None, steps: int
) -> str:
    """Return about how long `steps` take; empty where it cannot be told.

    Evaluations and checkpoints come on top.
    """
    mean = row_tokens(plan, report)
    if mean is None or forecast is None:
        return ""
    said = span(forecast, steps * plan.train.effective_batch * mean)
    return f"{said[:1].upper()}{said[1:]}. {forecast.reason}"


def span(forecast: Forecast, tokens: float) -> str:
    """Return ``about 2 h 10 min (1 h 36 min to 3 h)`` for `tokens`."""
    low, expected, high = (rough_duration_text(s) for s in forecast.seconds(tokens))
    if low == high:
        return f"about {expected}"
    return f"about {expected} ({low} to {high})"


def _why_unknown(budget: DeviceBudget | None) -> str:
    if budget is None:
        return ""
    if budget.kind == "cpu":
        return "Known once a run was measured on this processor."
    if budget.imagined and budget.compute_capability is None:
        return "Not known for a card told by its size alone; name it instead."
    return f"Known once a run was measured on the {budget.name}."
