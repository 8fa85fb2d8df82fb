"""The Train page as it is shown: steps, summary, what is missing. Pure; no Qt."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from app.setup.data_view import DataView, present_data
from app.setup.fit_view import FitView, present_fit
from app.setup.method_view import MethodView, present_method
from app.setup.model_view import ModelView, present_models, short_facts
from app.setup.presets import preset_of
from app.setup.settings_view import value_text
from app.setup.state import STEPS, Failure, SetupState, Step
from app.setup.words import METHOD_NAMES, joined, plural, verdict_words
from core.plan.fields import BY_KEY, changed_keys
from core.plan.plan import Plan
from core.plan.problems import Problem, problems
from core.units import bytes_text

if TYPE_CHECKING:
    from app.theme.tokens import Tone

StepState = Literal["todo", "done", "problem"]

STEP_TITLES: Final[dict[Step, str]] = {
    "model": "Model",
    "data": "Data",
    "method": "Method",
    "fit": "Fit",
    "start": "Start",
}
_FIT_KEYS: Final = frozenset({
    "train.batch_size",
    "train.seq_len",
    "train.gradient_accumulation",
    "memory",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class StepHead:
    """One step of the stepper: how it stands, and why."""

    title: str
    state: StepState
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryItem:
    """One line of the summary card."""

    step: Step
    label: str
    value: str
    detail: str = ""
    badge: str = ""
    tone: Tone = "neutral"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemLine:
    """One problem in words, and the step that mends it."""

    message: str
    tone: Tone
    step: Step
    field: str
    go: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartView:
    """Everything step 5 shows."""

    facts: tuple[tuple[str, str, str], ...]
    problems: tuple[ProblemLine, ...]
    name: str
    name_hint: str
    can_start: bool
    start_text: str
    start_tip: str
    missing: str
    is_starting: bool
    forces: bool
    """Starting goes against the estimate: it is said on the button."""
    failure: Failure | None
    command: str


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


def present(state: SetupState) -> SetupView:
    """Return the whole page for `state`."""
    found = all_problems(state)
    chosen = state.models.chosen
    return SetupView(
        step=state.step,
        steps=tuple(_head(step, state, found) for step in STEPS),
        summary=_summary(state),
        can_undo=state.can_undo,
        can_redo=state.can_redo,
        notice=state.notice,
        model=present_models(state.models, is_offline=state.is_offline),
        data=present_data(
            state.plan, state.data, has_model=chosen is not None and chosen.local
        ),
        method=present_method(
            state.plan, state.fit, query=state.setting_query, found=found
        ),
        fit=present_fit(state.plan, state.fit, state.models.shape),
        start=_start(state, found),
    )


def all_problems(state: SetupState) -> tuple[Problem, ...]:
    """Return all that stands between the draft and a run, in the order of the steps."""
    shape = state.models.shape
    context = shape.context_length if shape else None
    found = list(problems(state.plan, context_length=context or None))
    found += _model_problems(state)
    found += _data_problems(state)
    found += _fit_problems(state)
    return tuple(sorted(found, key=lambda item: STEPS.index(step_of(item.field))))


def step_of(key: str) -> Step:
    """Return the step on which the plan key `key` is set."""
    section = key.partition(".")[0]
    if key in _FIT_KEYS:
        return "fit"
    by_section: dict[str, Step] = {"model": "model", "data": "data", "name": "start"}
    return by_section.get(section, "method")


def _error(field: str, message: str) -> Problem:
    return Problem(level="error", field=field, message=message)


def _warning(field: str, message: str) -> Problem:
    return Problem(level="warning", field=field, message=message)


def _model_problems(state: SetupState) -> list[Problem]:
    models = state.models
    chosen = models.chosen
    if models.work is not None:
        return [_error("model.id", f"{models.work.what}: wait until it is done.")]
    if chosen is None:
        if state.plan.model.id and models.failure is not None:
            return [_error("model.id", models.failure.message)]
        return []
    if chosen.problem:
        return [_error("model.id", chosen.problem)]
    if chosen.local:
        return []
    way = "Unpack it" if chosen.source == "starter" else "Download it"
    return [_error("model.id", f"{chosen.name} is not ready. {way} first.")]


def _data_problems(state: SetupState) -> list[Problem]:
    data, plan = state.data, state.plan
    if not plan.data.files:
        return []
    if data.failure is not None:
        return [_error("data.files", data.failure.message)]
    report = data.report
    if data.work is not None:
        return [_warning("data.files", "The data is still being read.")]
    if report is None or data.is_stale:
        return []
    if report.usable == 0:
        return [_error("data.columns", "No row can be used as the columns are mapped.")]
    if report.bad_rows and plan.data.on_bad_row == "stop":
        rows = plural(report.bad_rows, "row")
        return [_error("data.on_bad_row", f"{rows} cannot be used. Leave them out?")]
    if report.leaks:
        rows = plural(report.leaks, "held-out row")
        return [_warning("data.files", f"{rows} also stand among those trained on.")]
    return []


def _fit_problems(state: SetupState) -> list[Problem]:
    if state.fit.other is not None:
        return []  # the figures on show are another card's
    estimate = state.fit.estimates.get(state.plan.method.kind)
    if estimate is None or estimate.verdict in {"fits", "unknown"}:
        return []
    return [_warning("memory", estimate.reason)]


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


def _summary(state: SetupState) -> tuple[SummaryItem, ...]:
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
    badge, tone = ("", "neutral") if chosen.local else ("Not here yet", "warn")
    if chosen.problem:
        badge, tone = "Cannot be trained", "bad"
    return SummaryItem(
        step="model",
        label="Model",
        value=chosen.name,
        detail=short_facts(chosen),
        badge=badge,
        tone=tone,
    )


def _data_item(state: SetupState) -> SummaryItem:
    files = state.plan.data.files
    if not files:
        return SummaryItem(step="data", label="Data", value="Not chosen")
    value = Path(files[0]).name if len(files) == 1 else plural(len(files), "file")
    report = state.data.report
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
        detail=f"of {bytes_text(free)} free" if free else "",
        badge=words.capitalize(),
        tone=tone,
    )


def _start(state: SetupState, found: Sequence[Problem]) -> StartView:
    errors = [item for item in found if item.level == "error"]
    estimate = state.fit.estimates.get(state.plan.method.kind)
    here = state.fit.other is None
    judged = estimate is not None and estimate.available is not None
    forces = here and judged and estimate is not None and not estimate.fits
    can_start = not errors and not state.is_starting
    return StartView(
        facts=_facts(state),
        problems=tuple(_problem_line(item) for item in found),
        name=state.plan.name,
        name_hint=suggested_name(state),
        can_start=can_start,
        start_text=_start_text(state, forces=forces),
        start_tip=errors[0].message if errors else _start_tip(forces=forces),
        missing=_missing(errors),
        is_starting=state.is_starting,
        forces=forces,
        failure=state.start_failure,
        command=command_of(state.plan),
    )


def _start_text(state: SetupState, *, forces: bool) -> str:
    if state.is_starting:
        return "Starting"
    return "Start all the same" if forces else "Start training"


def _start_tip(*, forces: bool) -> str:
    if forces:
        return "The estimate says it does not fit; it may end for lack of memory."
    return "Start the run in its own process; it goes on if this window closes."


def _missing(errors: Sequence[Problem]) -> str:
    if not errors:
        return ""
    first = errors[0].message
    rest = len(errors) - 1
    return f"{first} ({rest} more)" if rest else first


def suggested_name(state: SetupState) -> str:
    """Return the name a run without one goes by: the model's and the data's."""
    chosen = state.models.chosen
    model = chosen.name if chosen else Path(state.plan.model.id).name
    data = Path(state.plan.data.files[0]).stem if state.plan.data.files else ""
    return joined(model, data) or "Named after its model"


def _problem_line(item: Problem) -> ProblemLine:
    step = step_of(item.field)
    field = BY_KEY.get(item.field)
    label = field.explanation.label if field else "Memory"
    plain = item.field in {"model.id", "data.files", "memory"}
    return ProblemLine(
        message=item.message if plain else f"{label}: {item.message}",
        tone="bad" if item.level == "error" else "warn",
        step=step,
        field=item.field,
        go=f"Go to {STEP_TITLES[step]}",
    )


def _facts(state: SetupState) -> tuple[tuple[str, str, str], ...]:
    plan = state.plan
    rows = [
        *(
            (item.label, joined(item.value, item.detail), "")
            for item in _summary(state)
        ),
        (
            "Held out",
            f"{plan.data.eval_fraction * 100:g} %",
            _what("data.eval_fraction"),
        ),
        *_length(state),
        (
            "Step",
            (
                f"{plan.train.effective_batch} sequences of at most"
                f" {plan.train.seq_len:,} tokens"
            ),
            _what("train.batch_size"),
        ),
    ]
    shown = {"model.id", "data.files", "method.kind", "name"}
    changed = [key for key in changed_keys(plan) if key not in shown]
    if changed:
        rows.append(("Changed", ", ".join(_changed(plan, key) for key in changed), ""))
    return tuple(rows)


def _length(state: SetupState) -> list[tuple[str, str, str]]:
    steps = step_count(state)
    if steps is None:
        return []
    return [("Steps", f"{steps:,}", "Optimiser steps over the whole run.")]


def step_count(state: SetupState) -> int | None:
    """Return the optimiser steps of the whole run; None until the rows are counted."""
    train, report = state.plan.train, state.data.report
    if train.max_steps:
        return train.max_steps
    if report is None or report.train_rows is None or state.data.is_stale:
        return None
    if report.format == "text":
        return None  # rows of text are laid end to end and split, so rows say little
    # As the engine's schedule counts: every epoch ends with a step of its own.
    micro_batches = math.ceil(report.train_rows / train.batch_size)
    per_epoch = max(1, math.ceil(micro_batches / train.gradient_accumulation))
    return max(1, math.ceil(per_epoch * train.epochs))


def _what(key: str) -> str:
    return BY_KEY[key].explanation.what


def _changed(plan: Plan, key: str) -> str:
    section, _, name = key.rpartition(".")
    value = getattr(getattr(plan, section), name)
    return f"{BY_KEY[key].explanation.label.lower()} {value_text(value)}"


def command_of(plan: Plan) -> str:
    """Return the command line that starts the same run from a saved plan."""
    name = plan.name.strip() or "plan"
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)
    return f"tunesmith train {shlex.quote(f'{safe}.toml')}"
