"""Step 5, as it is shown: the whole run on one card, and what is missing."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.setup.draft_problems import step_of
from app.setup.exact_view import exact_line
from app.setup.progress_view import Progress, progress_of
from app.setup.settings_view import value_text
from app.setup.state import ExactState, Failure, SetupState, Step
from app.setup.summary_view import present_summary
from app.setup.time_view import run_time_text
from app.setup.words import joined
from core.places import called
from core.plan.fields import BY_KEY, changed_keys
from core.plan.plan import Plan
from core.plan.problems import Problem

if TYPE_CHECKING:
    from app.theme.tokens import Tone

STEP_TITLES: Final[dict[Step, str]] = {
    "model": "Model",
    "data": "Data",
    "method": "Method",
    "fit": "Fit",
    "start": "Start",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemLine:
    """One problem in words, and the step that mends it."""

    message: str
    word: str
    """What is to be done about it: mend, know, wait."""
    tone: Tone
    step: Step
    field: str
    go: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartView:
    """Everything step 5 shows."""

    title: str
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
    exact_text: str
    """What a dry run says, or that one is under way; empty where none was asked."""
    exact_progress: Progress | None
    """How far a dry run is that is under way."""
    failure: Failure | None
    held_text: str
    """Who has the device, in a sentence; empty if nobody stands in the way."""
    held_action: str
    command: str
    command_hint: str


def present_start(state: SetupState, found: Sequence[Problem]) -> StartView:
    """Return step 5 for the draft and all that was `found` against it."""
    errors = [item for item in found if item.level == "error"]
    estimate = state.fit.estimates.get(state.plan.method.kind)
    here = state.fit.other is None
    judged = estimate is not None and estimate.available is not None
    forces = here and judged and estimate is not None and not estimate.fits
    can_start = not errors and not state.is_starting
    return StartView(
        facts=_facts(state),
        title="Ready to train" if not errors else "Not ready yet",
        problems=tuple(_problem_line(item, state) for item in found),
        name=state.plan.name,
        name_hint=suggested_name(state),
        can_start=can_start,
        start_text=_start_text(state, forces=forces),
        start_tip=errors[0].message if errors else _start_tip(forces=forces),
        missing=_missing(errors),
        is_starting=state.is_starting,
        forces=forces,
        exact_text=_exact_text(state.fit.exact),
        exact_progress=progress_of(state.fit.exact.work),
        failure=state.start_failure,
        held_text=_held_text(state),
        held_action=f"Close {state.held_by} and train" if state.held_by else "",
        command=command_of(state),
        command_hint="The same run without a window."
        if _is_saved(state)
        else "The same run without a window, once the plan is saved.",
    )


def _exact_text(state: ExactState) -> str:
    if state.is_running:
        return "A dry run looks for the exact figure; starting does not wait for it."
    if state.failure is not None and state.tensors is None:
        return f"A dry run gave no exact figure. {state.failure.message}"
    return exact_line(state)


def _held_text(state: SetupState) -> str:
    if not state.held_by:
        return ""
    holder = f"{state.held_by[0].upper()}{state.held_by[1:]}"
    return f"{holder} has the graphics card now, and there is room for one."


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
    """Return the name a run without one goes by: the data's and the model's."""
    chosen = state.models.chosen
    model = chosen.name if chosen else Path(state.plan.model.id).name
    data = Path(state.plan.data.files[0]).stem if state.plan.data.files else ""
    # Lists cut a long name at its end, and tell the model beside it.
    return joined(data, model) or "Named after its data and model"


def _problem_line(item: Problem, state: SetupState) -> ProblemLine:
    word, tone = _word_of(item, state)
    step = step_of(item.field)
    field = BY_KEY.get(item.field)
    label = field.explanation.label if field else "Memory"
    plain = item.field in {"model.id", "data.files", "memory"}
    return ProblemLine(
        message=item.message if plain else f"{label}: {item.message}",
        word=word,
        tone=tone,
        step=step,
        field=item.field,
        go=f"Go to {STEP_TITLES[step]}",
    )


def _word_of(item: Problem, state: SetupState) -> tuple[str, Tone]:
    if item.level == "warning":
        return "To know", "warn"
    if item.field == "model.id" and state.models.work is not None:
        return "Under way", "accent"
    return "To mend", "bad"


def _facts(state: SetupState) -> tuple[tuple[str, str, str], ...]:
    plan = state.plan
    rows = [
        *(
            (item.label, joined(item.value, item.detail), "")
            for item in present_summary(state)
        ),
        (
            "Held out",
            f"{plan.data.eval_fraction * 100:g} %",
            _what("data.eval_fraction"),
        ),
        *_length(state),
        (
            "Each step",
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
    rows = [("Steps", f"{steps:,}", "Optimiser steps over the whole run.")]
    words = run_time_text(state.plan, state.data.report, state.fit.forecast, steps)
    told = "The steps alone; evaluations and checkpoints come on top."
    return [*rows, ("Time", words, told)] if words else rows


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


def _is_saved(state: SetupState) -> bool:
    return state.saved is not None and state.saved.plan == state.plan


def command_of(state: SetupState) -> str:
    """Return the command line that starts the same run from its plan file."""
    if state.saved is not None and state.saved.plan == state.plan:
        return f"{called()} train {shlex.quote(state.saved.path)}"
    return f"{called()} train {shlex.quote(file_name(state.plan))}"


def file_name(plan: Plan) -> str:
    """Return the name a plan's file would have: letters, digits and dashes."""
    name = plan.name.strip() or "plan"
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name) + ".toml"
