"""The Train page as it is shown: steps, summary, what is missing. Pure; no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.setup.data_view import DataView, present_data
from app.setup.draft_problems import all_problems, step_of
from app.setup.fit_view import FitView, present_fit
from app.setup.method_view import MethodView, present_method
from app.setup.model_view import ModelView, present_models
from app.setup.start_view import STEP_TITLES, StartView, present_start
from app.setup.state import STEPS, SetupState, Step
from app.setup.summary_view import SummaryItem, present_summary
from core.plan.problems import Problem

StepState = Literal["todo", "done", "problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepHead:
    """One step of the stepper: how it stands, and why."""

    title: str
    state: StepState
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupView:
    """Everything the Train page shows."""

    step: Step
    steps: tuple[StepHead, ...]
    summary: tuple[SummaryItem, ...]
    can_undo: bool
    can_redo: bool
    notice: str
    model: ModelView
    data: DataView
    method: MethodView
    fit: FitView
    start: StartView


def present(
    state: SetupState, last: tuple[SetupState, SetupView] | None = None
) -> SetupView:
    """Return the whole page for `state`.

    Args:
        state: What is known.
        last: An earlier answer and what it was for: a hundred models that are the same
            are not put into words again for each move of a slider.
    """
    found = all_problems(state)
    chosen, shape = state.models.chosen, state.models.shape
    return SetupView(
        step=state.step,
        steps=tuple(_head(step, state, found) for step in STEPS),
        summary=present_summary(state),
        can_undo=state.can_undo,
        can_redo=state.can_redo,
        notice=state.notice,
        model=_models(state, last),
        data=present_data(
            state.plan, state.data, has_model=chosen is not None and chosen.local
        ),
        method=present_method(
            state.plan,
            state.fit,
            packs=shape is None or shape.takes_quantisation,
            query=state.setting_query,
            found=found,
        ),
        fit=present_fit(
            state.plan,
            state.fit,
            shape,
            state.data.report,
            name=chosen.name if chosen else Path(state.plan.model.id).name,
        ),
        start=present_start(state, found),
    )


def _models(state: SetupState, last: tuple[SetupState, SetupView] | None) -> ModelView:
    if last is not None:
        before, view = last
        same = before.models is state.models and before.is_offline == state.is_offline
        if same:
            return view.model
    return present_models(state.models, is_offline=state.is_offline)


def _head(step: Step, state: SetupState, found: Sequence[Problem]) -> StepHead:
    mine = [item for item in found if step_of(item.field) == step]
    errors = [item for item in mine if item.level == "error"]
    title = STEP_TITLES[step]
    if errors and not _is_untouched(step, state):
        return StepHead(title=title, state="problem", why=errors[0].message)
    if errors:
        return StepHead(title=title, state="todo", why=errors[0].message)
    if mine and step == "fit":
        return StepHead(title=title, state="problem", why=mine[0].message)
    if _is_done(step, state):
        return StepHead(title=title, state="done", why=f"{title}: done")
    return StepHead(title=title, state="todo", why=f"{title}: to do")


def _is_untouched(step: Step, state: SetupState) -> bool:
    if step == "model":
        return not state.plan.model.id or state.models.work is not None
    if step == "data":
        return not state.plan.data.files
    return False


def _is_done(step: Step, state: SetupState) -> bool:
    match step:
        case "model":
            return state.models.chosen is not None
        case "data":
            return state.data.report is not None
        case "method" | "fit":
            return bool(state.fit.estimates)
        case "start":
            return False
