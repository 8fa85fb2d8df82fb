"""One line of history: a run as a list shows it."""

from dataclasses import dataclass
from pathlib import Path

from core.errors import PlanError
from core.plan.plan import Plan
from core.runs.events import RunEvent, decode
from core.runs.folder import RunFolder, RunStatus
from core.runs.state import RunState, folded

# A thousand steps and more at either end.
_EDGE_BYTES = 256 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What a run was asked, how far it came and how good it is.

    Losses are nats per trained token, times unix seconds, memory bytes.
    """

    run_id: str
    name: str
    status: RunStatus
    model: str
    method: str
    started: float | None = None
    finished: float | None = None
    step: int = 0
    steps: int = 0
    train_loss: float | None = None
    eval_loss_before: float | None = None
    eval_loss: float | None = None
    best_step: int | None = None
    tokens_per_s: float | None = None
    peak_memory: int | None = None
    adapter_id: str | None = None
    error: str | None = None


def summary(run: RunFolder) -> RunSummary:
    """Return the line of history of `run`, read from its folder as it is now.

    Only the beginning and the end of a long event file are read: a history of many
    long runs must not take seconds.
    """
    return summarised(run, folded(_edges(run.events_file)))


def summarised(run: RunFolder, state: RunState) -> RunSummary:
    """Return the line of history of `run`, whose events gave `state`."""
    plan = _plan(run)
    status = run.status()
    end = state.ended
    is_over = status.status not in {"queued", "running", "paused"}
    return RunSummary(
        run_id=run.run_id,
        name=plan.name or run.run_id,
        status=status.status,
        model=plan.model.id,
        method=plan.method.kind,
        started=state.started,
        finished=state.last if is_over else None,
        step=max(state.step, status.step, end.step if end else 0),
        steps=status.steps or state.steps,
        train_loss=_first(end and end.train_loss, state.loss),
        eval_loss_before=_first(end and end.eval_loss_before, state.eval_loss_before),
        eval_loss=_first(end and end.eval_loss, state.eval_loss),
        best_step=end.best_step if end else None,
        tokens_per_s=_first(end and end.tokens_per_s, state.tokens_per_s),
        peak_memory=(end.peak_memory if end else None) or state.peak_memory,
        adapter_id=end.adapter_id if end else None,
        error=state.failure.message if state.failure else None,
    )


def _edges(path: Path) -> list[RunEvent]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            text = file.read(min(size, 2 * _EDGE_BYTES))
            if size > 2 * _EDGE_BYTES:
                file.seek(size - _EDGE_BYTES)
                text = text[:_EDGE_BYTES] + b"\n" + file.read()
    except OSError:
        return []
    lines = text.decode("utf-8", "replace").splitlines()
    return [event for line in lines if (event := decode(line)) is not None]


def _plan(run: RunFolder) -> Plan:
    try:
        return run.plan()
    except PlanError:  # written by another version, or damaged: still a run
        return Plan()


def _first(preferred: float | None, other: float | None) -> float | None:
    return other if preferred is None else preferred
