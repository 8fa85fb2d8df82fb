"""Where a run stands, folded from its events. Scalars only; curves live in `Curve`."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import assert_never

from core.runs.events import (
    Checkpoint,
    Device,
    Ended,
    EndStatus,
    Failed,
    Metrics,
    Phase,
    PhaseName,
    Progress,
    Recovery,
    RunEvent,
    Sample,
    Warned,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """A run's figures as of its last event."""

    phase: PhaseName | None = None
    progress: Progress | None = None
    step: int = 0
    steps: int = 0
    epoch: float = 0.0
    loss: float | None = None
    eval_loss_before: float | None = None
    eval_loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    tokens_per_s: float | None = None
    peak_memory: int | None = None
    device: Device | None = None
    sample: Sample | None = None
    last_checkpoint: Checkpoint | None = None
    warnings: tuple[Warned, ...] = ()
    failure: Failed | None = None
    ended: Ended | None = None
    started: float | None = None
    last: float | None = None
    """Unix seconds of the first and the newest event."""

    @property
    def end_status(self) -> EndStatus | None:
        return self.ended.status if self.ended else None


def fold(  # noqa: C901, PLR0911, PLR0912 - one case a kind of event
    state: RunState, event: RunEvent
) -> RunState:
    """Return `state` after `event`."""
    state = replace(state, started=state.started or event.t, last=event.t)
    match event:
        case Phase():
            # a new stretch of work (resume) begins with a phase
            return replace(
                state, phase=event.phase, progress=None, failure=None, ended=None
            )
        case Progress():
            steps = round(event.total) if event.what == "train" else state.steps
            return replace(state, progress=event, steps=steps)
        case Metrics():
            return _measured(state, event)
        case Device():
            return replace(state, device=event)
        case Sample():
            return replace(state, sample=event)
        case Checkpoint():
            return replace(state, last_checkpoint=event)
        case Warned():
            return replace(state, warnings=(*state.warnings[-19:], event))
        case Recovery():
            return state
        case Failed():
            return replace(state, failure=event)
        case Ended():
            return replace(state, ended=event, progress=None)
        case _:
            assert_never(event)


def _measured(state: RunState, event: Metrics) -> RunState:
    first = state.eval_loss_before is None and event.eval_loss is not None
    used = event.memory_allocated or 0
    return replace(
        state,
        step=event.step,
        epoch=event.epoch,
        loss=_newer(event.loss, state.loss),
        eval_loss_before=event.eval_loss if first else state.eval_loss_before,
        eval_loss=_newer(event.eval_loss, state.eval_loss),
        learning_rate=_newer(event.learning_rate, state.learning_rate),
        grad_norm=_newer(event.grad_norm, state.grad_norm),
        tokens_per_s=_newer(event.tokens_per_s, state.tokens_per_s),
        peak_memory=max(used, state.peak_memory or 0) or None,
    )


def _newer(new: float | None, old: float | None) -> float | None:
    return old if new is None else new


def folded(events: Iterable[RunEvent]) -> RunState:
    """Return where a run stands after `events`."""
    state = RunState()
    for event in events:
        state = fold(state, event)
    return state
