"""Where a run stands is what its events say."""

from itertools import pairwise

from core.runs.curve import Curve
from core.runs.events import (
    Checkpoint,
    Ended,
    Failed,
    Metrics,
    Phase,
    Progress,
    RunEvent,
    Warned,
)
from core.runs.state import RunState, fold, folded

STORY: list[RunEvent] = [
    Phase(t=1.0, phase="prepare"),
    Phase(t=2.0, phase="train"),
    Metrics(t=3.0, step=0, epoch=0.0, eval_loss=3.0),
    Progress(t=3.5, what="train", done=1, total=20, unit="step"),
    Metrics(t=4.0, step=1, epoch=0.1, loss=2.9, memory_allocated=500),
    Metrics(t=5.0, step=2, epoch=0.2, loss=2.5, memory_allocated=400),
    Checkpoint(t=5.5, step=2, path="checkpoints/step-2"),
    Metrics(t=6.0, step=2, epoch=0.2, eval_loss=2.4),
]


def test_figures_are_the_newest_and_the_peak_is_the_highest() -> None:
    """The first held-out loss is the one before training."""
    state = folded(STORY)

    assert (2, 20, 2.5) == (state.step, state.steps, state.loss)
    assert (3.0, 2.4) == (state.eval_loss_before, state.eval_loss)
    assert 500 == state.peak_memory
    assert (1.0, 6.0) == (state.started, state.last)
    assert state.last_checkpoint is not None
    assert "checkpoints/step-2" == state.last_checkpoint.path


def test_a_failure_stands_until_the_run_goes_on() -> None:
    """A resume begins with a phase and wipes the failure, not the figures."""
    failure = Failed(t=7.0, code="memory.out", message="No room.")
    state = folded([*STORY, failure, Ended(t=7.1, status="failed", step=2)])

    assert failure == state.failure
    assert "failed" == state.end_status
    resumed = fold(state, Phase(t=9.0, phase="prepare"))
    assert resumed.failure is None
    assert resumed.end_status is None
    assert 2.4 == resumed.eval_loss


def test_only_the_last_warnings_are_kept() -> None:
    """A state stays small however long the run."""
    events = [Warned(t=float(i), code=str(i), message="Note.") for i in range(50)]

    assert [str(i) for i in range(30, 50)] == [w.code for w in folded(events).warnings]


def test_nothing_is_a_state_too() -> None:
    """A queued run."""
    assert RunState() == folded([])


def test_a_curve_stays_bounded_and_keeps_its_ends() -> None:
    """A million points cost what four thousand do; first and newest are there."""
    curve = Curve()
    for step in range(50_001):
        curve.add(step, step * 2.0)
    points = curve.points()

    assert 50_001 == len(curve)
    assert len(points) <= 4001
    assert ((0, 0.0), (50_000, 100_000.0)) == (points[0], points[-1])
    assert sorted(points) == list(points)
    gaps = {b[0] - a[0] for a, b in pairwise(points[:-1])}
    assert 1 == len(gaps)
