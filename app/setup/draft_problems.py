"""All that stands between the draft and a run, each with the step that mends it."""

from __future__ import annotations

from typing import Final

from app.setup.state import STEPS, SetupState, Step
from app.setup.words import plural
from core.plan.problems import Problem, problems

_FIT_KEYS: Final = frozenset({
    "train.batch_size",
    "train.seq_len",
    "train.gradient_accumulation",
    "memory",
})  # fmt: skip


def all_problems(state: SetupState) -> tuple[Problem, ...]:
    """Return all that stands between the draft and a run, in the order of the steps."""
    shape = state.models.shape
    chosen = state.models.chosen
    context = chosen.context_length if chosen else None
    context = context or (shape.context_length if shape else None)
    found = list(problems(state.plan, context_length=context or None))
    found += _model_problems(state)
    found += _data_problems(state)
    found += _fit_problems(state)
    found += [_running_too(name) for name in state.running]
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


def _running_too(running: str) -> Problem:
    return _warning(
        "memory", f"“{running}” is training now; two trainings share memory and speed."
    )


def _model_problems(state: SetupState) -> list[Problem]:
    models = state.models
    chosen = models.chosen
    if models.work is not None and models.work_id == state.plan.model.id:
        rests = models.work.pause == "paused"
        todo = "it is paused; go on with it" if rests else "wait until it is done"
        return [_error("model.id", f"{models.work.what}: {todo}.")]
    if chosen is None:
        if state.plan.model.id and models.unusable is not None:
            return [_error("model.id", models.unusable.message)]
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
    other = state.fit.other
    if other is not None:
        words = f"The memory shown is for {other.name}, not for this machine."
        return [_warning("memory", words)]
    estimate = state.fit.estimates.get(state.plan.method.kind)
    if estimate is None or estimate.verdict in {"fits", "unknown"}:
        return []
    return [_warning("memory", estimate.reason)]
