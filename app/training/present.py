"""What the page of one run shows, decided from its folder's facts. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Final

from app.glance import short_device_name
from app.qtwork.window_words import in_window
from app.theme.tokens import Tone
from app.training.memory_view import MemoryView, memory_view
from app.training.reading import Reading, Stage, loss_text, read_curve
from app.training.remedies import Remedy, likely_cause, remedies
from app.training.series import NO_POINTS, RunCurves, Snapshot
from app.training.words import (
    STATUS_LOOKS,
    StatusLook,
    method_text,
    model_name,
    rate_text,
    when_text,
)
from core.plan.fields import FIELDS, value_of
from core.plan.plan import Plan
from core.runs.compared import Compared
from core.runs.events import PhaseName, Sample
from core.runs.folder import Order, RunStatus
from core.runs.state import RunState
from core.units import bytes_text, duration_text

_PHASES: Final[Mapping[PhaseName, str]] = {
    "prepare": "Preparing",
    "load": "Loading the base model",
    "tokenize": "Turning rows into tokens",
    "train": "Training",
    "evaluate": "Measuring on held-out rows",
    "save": "Saving",
    "done": "Finishing",
}
_PATHS: Final = frozenset({"model.id", "data.files"})
START_PATIENCE_S: Final = 60.0
"""An engine that has not said a word for so long after its start will not."""
_STAGES: Final[Mapping[RunStatus, Stage]] = {
    "queued": "live",
    "running": "live",
    "paused": "resting",
    "interrupted": "resting",
    "failed": "resting",
    "done": "over",
    "stopped": "over",
}
_ORDERS: Final[Mapping[Order, str]] = {
    "pause": "Pausing: the step is finished and saved first.",
    "stop": "Stopping: the adapter is saved first.",
    "discard": "Stopping: nothing will be kept.",
    "save": "Saving a checkpoint after this step.",
}


_RESTING: Final[Mapping[RunStatus, str]] = {
    "paused": "Everything is saved and the device is free",
    "interrupted": "Resume goes on from the last checkpoint",
    "failed": "Resume goes on from the last checkpoint",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number under the headline."""

    label: str
    value: str
    tip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What the window knows of a run besides its events."""

    run_id: str
    plan: Plan
    status: RunStatus
    created: float = 0.0
    """Unix seconds."""
    predicted_memory: int | None = None
    compared: Compared | None = None
    """Once the run rests: what it took beside what was said of its batches."""
    device: str = ""
    ordered: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureView:
    """What went wrong, why, and the ways out."""

    title: str
    text: str
    remedies: tuple[Remedy, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """The page of one run."""

    run_id: str
    title: str
    subtitle: str
    look: StatusLook
    headline: str
    headline_tone: Tone
    activity: str
    """What the engine does now; empty when it does nothing."""
    progress: float | None
    """0 to 1; None where it cannot be known."""
    progress_text: str
    is_live: bool
    can_pause: bool
    can_resume: bool
    can_stop: bool
    can_save: bool
    can_chat: bool
    can_delete: bool
    adapter_id: str
    figures: tuple[Figure, ...]
    failure: FailureView | None
    warnings: tuple[str, ...]
    curves: RunCurves
    predicted_memory: int | None
    memory: MemoryView | None
    samples: tuple[Sample, ...]
    plan_rows: tuple[tuple[str, str, str], ...]
    discard_loses: str
    """What stopping without keeping would take away, for the question asked once."""


def present(facts: RunFacts, snapshot: Snapshot | None, *, now: float) -> RunView:
    """Return the page; `snapshot` is None until the run's events have been read."""
    state = snapshot.state if snapshot else RunState()
    facts = _without_hope(facts, state, now=now)
    live = facts.status in {"running", "queued"}
    asked = _asked(facts.ordered)
    reading = _headline(facts, snapshot, state)
    fraction, progress_text = _progress(facts, snapshot, state)
    adapter_id = (state.ended.adapter_id or "") if state.ended else ""
    can_steer = live and asked not in {"pause", "stop", "discard"}
    return RunView(
        run_id=facts.run_id,
        title=" ".join(facts.plan.name.split()) or facts.run_id,
        subtitle=_subtitle(facts, now=now),
        look=STATUS_LOOKS[facts.status],
        headline=reading.text,
        headline_tone=reading.tone,
        activity=_activity(facts, state, asked),
        progress=fraction,
        progress_text=progress_text,
        is_live=live,
        can_pause=can_steer,
        can_resume=facts.status in {"paused", "interrupted"}
        or (facts.status == "failed" and state.last_checkpoint is not None),
        can_stop=can_steer or facts.status in {"paused", "interrupted"},
        can_save=can_steer and state.phase == "train" and asked != "save",
        can_chat=bool(adapter_id),
        can_delete=not live,
        adapter_id=adapter_id,
        figures=_figures(facts, snapshot, state),
        failure=_failure(facts, state),
        warnings=tuple(
            f"{warned.message} {in_window(warned.hint)}".strip()
            for warned in state.warnings
        ),
        curves=snapshot.curves if snapshot else RunCurves(),
        predicted_memory=_level(facts),
        memory=memory_view(facts.compared) if facts.compared else None,
        samples=snapshot.samples[::-1] if snapshot else (),
        plan_rows=plan_rows(facts.plan),
        discard_loses=_discard_loses(state, snapshot),
    )


def _without_hope(facts: RunFacts, state: RunState, *, now: float) -> RunFacts:
    """Return the facts, a run that never began to work as one that was interrupted."""
    waited_s = now - facts.created
    if facts.status == "queued" and state.last is None and waited_s > START_PATIENCE_S:
        return replace(facts, status="interrupted")
    return facts


def _asked(ordered: frozenset[str]) -> Order | None:
    for order in _ORDERS:
        if not ordered.isdisjoint((order,)):
            return order
    return None


def _subtitle(facts: RunFacts, *, now: float) -> str:
    parts = (
        model_name(facts.plan),
        method_text(facts.plan),
        short_device_name(facts.device) if facts.device else "",
        when_text(facts.created, now=now),
    )
    return " · ".join(part for part in parts if part)


def _headline(facts: RunFacts, snapshot: Snapshot | None, state: RunState) -> Reading:
    if snapshot is None:
        return Reading(text="Reading the run’s history.")
    found = read_curve(snapshot.curves, stage=_STAGES[facts.status])
    if found is not None:
        return found
    match facts.status:
        case "queued":
            return Reading(text="The engine is starting.")
        case "running":
            return Reading(text="No step is done yet; the first losses come soon.")
        case "failed":
            return Reading(text="It failed before the first step.", tone="bad")
        case _:
            ended = "Stopped" if facts.status == "stopped" else "Left"
            return Reading(text=f"{ended} at step {state.step}, before any measure.")


def _activity(facts: RunFacts, state: RunState, asked: Order | None) -> str:
    if facts.status not in {"running", "queued"}:
        return _RESTING.get(facts.status, "")
    if asked is not None:
        return _ORDERS[asked]
    if facts.status == "queued" or state.phase is None:
        return "Starting the engine"
    return _PHASES[state.phase]


def _progress(
    facts: RunFacts, snapshot: Snapshot | None, state: RunState
) -> tuple[float | None, str]:
    done = state.step / state.steps if state.steps else None
    steps = f"Step {state.step} of {state.steps}" if state.steps else ""
    if facts.status not in {"running", "queued"}:
        return (done or 0.0), steps
    progress = state.progress
    if progress is not None and progress.what != "train" and state.phase != "train":
        fraction = progress.done / progress.total if progress.total else None
        unit = f"{progress.unit.capitalize()} " if progress.unit else ""
        text = f"{unit}{progress.done:.0f} of {progress.total:.0f}"
        if progress.unit == "bytes":
            text = f"{bytes_text(progress.done)} of {bytes_text(progress.total)}"
        return fraction, text if progress.total else ""
    left = ""
    if snapshot is not None and snapshot.seconds_per_step is not None and state.steps:
        rest_s = (state.steps - state.step) * snapshot.seconds_per_step
        left = f" · {duration_text(rest_s)} left"
    return done, f"{steps}{left}"


def _figures(
    facts: RunFacts, snapshot: Snapshot | None, state: RunState
) -> tuple[Figure, ...]:
    kept = state.last_checkpoint
    return (
        Figure(
            label="Held-out loss",
            value=_or_dash(state.eval_loss, loss_text),
            tip="Loss on rows never trained on, in nats per token: lower is better.",
        ),
        Figure(
            label="Training loss",
            value=_smoothed(snapshot),
            tip="Loss on the rows being learnt, smoothed over about ten steps.",
        ),
        Figure(
            label="Tokens/s",
            value=_or_dash(state.tokens_per_s, rate_text),
            tip="Trained tokens in a second.",
        ),
        Figure(
            label="Peak memory",
            value=_or_dash(state.peak_memory, bytes_text),
            tip=_memory_tip(facts),
        ),
        Figure(
            label="Checkpoint",
            value=str(kept.step) if kept else "–",
            tip="The step of the newest whole checkpoint: where Resume goes on from.",
        ),
        Figure(
            label="Time",
            value=duration_text(snapshot.trained_s) if snapshot else "–",
            tip="How long the engine has worked on it, pauses left out.",
        ),
    )


def _level(facts: RunFacts) -> int | None:
    """Return the line of the memory chart: said of full rows, then of those there were."""
    return facts.compared.predicted if facts.compared else facts.predicted_memory


def _memory_tip(facts: RunFacts) -> str:
    if facts.compared is not None:
        return f"{facts.compared.text}. {facts.compared.note}".rstrip()
    if facts.predicted_memory is None:
        return "The most it took so far."
    return (
        f"The most it took so far; {bytes_text(facts.predicted_memory)} was predicted"
        " for rows of full length."
    )


def _or_dash(value: float | None, text: Callable[[float], str]) -> str:
    return "–" if value is None else text(value)


def _smoothed(snapshot: Snapshot | None) -> str:
    points = snapshot.curves.smoothed if snapshot else NO_POINTS
    return loss_text(points.ys[-1]) if points else "–"


def _failure(facts: RunFacts, state: RunState) -> FailureView | None:
    if facts.status == "interrupted" and state.last is None:
        return FailureView(
            title="The engine never started.",
            text="The log may say why. Resume starts it again; nothing is lost.",
            remedies=(),
        )
    if facts.status == "interrupted":
        kept = state.last_checkpoint
        at = f"from the checkpoint of step {kept.step}" if kept else "from the start"
        return FailureView(
            title=f"The engine vanished at step {state.step}.",
            text=f"A crash, a restart, or the system ran out of memory. Resume goes on"
            f" {at}; nothing saved is lost.",
            remedies=(),
        )
    if facts.status != "failed":
        return None
    failure = state.failure
    cause = likely_cause(failure, peak_memory=state.peak_memory)
    title = failure.message if failure else f"It ended at step {state.step}."
    hint = in_window(failure.hint) if failure else "The log may say more."
    return FailureView(
        title=title,
        text=" ".join(part for part in (cause, hint) if part),
        remedies=remedies(facts.plan, failure),
    )


def _discard_loses(state: RunState, snapshot: Snapshot | None) -> str:
    spent = duration_text(snapshot.trained_s) if snapshot else "0 s"
    return (
        f"{state.step} trained steps ({spent} of work), the adapter and every"
        " checkpoint are deleted. The curve, the log and the plan stay."
    )


def plan_rows(plan: Plan) -> tuple[tuple[str, str, str], ...]:
    """Return every setting as (label, value, explanation), in the plan's order."""
    rows: list[tuple[str, str, str]] = []
    for field in FIELDS:
        whole = value_text(value_of(plan, field.key))
        if not whole:
            continue
        value, tip = whole, field.explanation.what
        if field.key in _PATHS:  # no table is wide enough for them
            value = ", ".join(PurePath(part).name for part in whole.split(", "))
            tip = f"{tip} {whole}"
        rows.append((field.explanation.label, value, tip))
    return tuple(rows)


def value_text(value: object) -> str:
    """Return a setting's value for people: ``on``, ``q_proj, v_proj``, ``0.0002``."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (tuple, list)):
        return ", ".join(str(item) for item in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, Mapping):
        pairs = value.items()  # pyright: ignore[reportUnknownVariableType]
        return ", ".join(f"{role}: {name}" for role, name in pairs)  # pyright: ignore[reportUnknownVariableType]
    return str(value)
