"""The card that stays beside all five steps: what has been chosen so far."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.setup.model_view import short_facts
from app.setup.presets import preset_of
from app.setup.state import NEEDS_COLUMNS, Failure, ModelState, SetupState, Step
from app.setup.words import METHOD_NAMES, joined, plural, verdict_words
from core.hardware.budget import DeviceBudget
from core.models.facts import ModelFacts
from core.plan.plan import Plan
from core.units import bytes_text

if TYPE_CHECKING:
    from app.theme.tokens import Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryItem:
    """One line of the summary card."""

    step: Step
    label: str
    value: str
    detail: str = ""
    badge: str = ""
    tone: Tone = "neutral"


def present_summary(state: SetupState) -> tuple[SummaryItem, ...]:
    """Return the four lines of the summary."""
    return (
        _model_item(state),
        _data_item(state),
        _method_item(state.plan),
        _fit_item(state),
    )


def _model_item(state: SetupState) -> SummaryItem:
    chosen = state.models.chosen
    if chosen is None:
        named = Path(state.plan.model.id).name
        value = named or "Not chosen"
        return SummaryItem(step="model", label="Model", value=value)
    badge, tone = _model_badge(state.models, chosen)
    return SummaryItem(
        step="model",
        label="Model",
        value=chosen.name,
        detail=short_facts(chosen),
        badge=badge,
        tone=tone,
    )


def _model_badge(state: ModelState, chosen: ModelFacts) -> tuple[str, Tone]:
    if chosen.problem:
        return "Cannot be trained", "bad"
    if chosen.local:
        return "", "neutral"
    if state.work is not None and state.work_id == chosen.id:
        return "Under way", "accent"
    return "Not here", "warn"


def _data_item(state: SetupState) -> SummaryItem:
    files = state.plan.data.files
    if not files:
        return SummaryItem(step="data", label="Data", value="Not chosen")
    value = Path(files[0]).name if len(files) == 1 else plural(len(files), "file")
    report = state.data.report
    if state.data.failure is not None:
        badge, tone = _data_fault(state.data.failure)
        return SummaryItem(
            step="data", label="Data", value=value, badge=badge, tone=tone
        )
    if report is None:
        return SummaryItem(step="data", label="Data", value=value)
    tokens = f"{report.tokens.total:,} tokens" if report.tokens else ""
    detail = joined(plural(report.usable, "row"), tokens)
    waits = report.bad_rows > 0 and state.plan.data.on_bad_row == "stop"
    return SummaryItem(
        step="data",
        label="Data",
        value=value,
        detail=detail,
        badge=plural(report.bad_rows, "bad row") if waits else "",
        tone="warn",
    )


def _data_fault(failure: Failure) -> tuple[str, Tone]:
    if failure.code in NEEDS_COLUMNS:
        return "Which columns?", "warn"
    return "Cannot be read", "bad"


def _method_item(plan: Plan) -> SummaryItem:
    preset = preset_of(plan)
    epochs = f"{plan.train.epochs:g} " + (
        "epoch" if plan.train.epochs == 1 else "epochs"
    )
    length = f"{plan.train.max_steps:,} steps" if plan.train.max_steps else epochs
    return SummaryItem(
        step="method",
        label="Method",
        value=joined(METHOD_NAMES[plan.method.kind], preset.name if preset else ""),
        detail=joined(f"rank {plan.method.rank}", length),
    )


def _fit_item(state: SetupState) -> SummaryItem:
    estimate = state.fit.estimates.get(state.plan.method.kind)
    if estimate is None:
        return SummaryItem(step="fit", label="Memory", value="Not known yet")
    words, tone = verdict_words(estimate)
    free = estimate.available
    return SummaryItem(
        step="fit",
        label="Memory",
        value=bytes_text(estimate.process),
        detail=_room(free, state.fit.other),
        badge=words.capitalize(),
        tone=tone,
    )


def _room(free: int | None, other: DeviceBudget | None) -> str:
    if not free:
        return ""
    if other is not None:
        return f"of {bytes_text(free)} on {other.name}"
    return f"of {bytes_text(free)} free"
