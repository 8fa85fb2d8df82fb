"""What breaks a run is told in words, and what was saved stays."""

from pathlib import Path

import pytest

from core.runs.events import Failed, Metrics
from core.runs.outcomes import own_outcome
from core.runs.tail import read_events
from core.units import MIB
from tests.fakes.tiny_run import make_run
from tests.worker.processes import PYTHON, finish, last, start

BREAKS = """
import sys
import torch
from core.engine.learner import Learner
from core.worker.__main__ import main

what = sys.argv[1]
real = Learner.accumulate
def breaks(self, rows, *, step, number):
    real(self, rows, step=step, number=number)
    if step == 6 and what == "nan":
        self._loss_sum += float("nan")
    if step == 6 and what == "gradient":
        next(iter(self._trainable.values())).grad[0] = float("inf")
    if step == 6 and what == "oom":
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB.")
    if step == 6 and what == "panic":
        raise type("PanicException", (BaseException,), {})("a Rust panic")
Learner.accumulate = breaks
sys.exit(main(["train", sys.argv[2]]))
"""


@pytest.mark.parametrize(
    ("what", "code", "saved"),
    [
        ("nan", "train.nan", 5),
        ("gradient", "train.nan", 5),
        ("oom", "memory.out", 4),
        ("panic", "bug", 4),
    ],
)
def test_a_broken_run_says_why_and_keeps_what_it_has(
    tiny: Path, tmp_path: Path, what: str, code: str, saved: int
) -> None:
    """One failure, one end with the results so far, and a whole checkpoint."""
    run = make_run(tmp_path, tiny, dropout=0.1)
    process = start(run, command=[PYTHON, "-c", BREAKS, what, str(run.path)])

    assert 1 == process.wait(timeout=240)
    events = read_events(run.events_file)
    failures = [event for event in events if isinstance(event, Failed)]
    assert [code] == [failure.code for failure in failures]
    assert failures[0].hint
    ended = last(events)
    assert "failed" == ended.status == run.status().status
    assert 5 == ended.step
    assert ended.eval_loss_before is not None
    assert (run.checkpoints / f"step-{saved}" / "manifest.json").is_file()
    outcome = own_outcome(run)
    assert outcome is not None  # five steps told how much it took
    assert (what == "oom", what != "oom") == (outcome.out_of_memory, outcome.complete)
    asked_for = 20 * MIB if what == "oom" else 0
    assert outcome.measured >= (ended.peak_memory or 0) + asked_for


def test_a_broken_run_goes_on_after_its_last_checkpoint(
    tiny: Path, tmp_path: Path
) -> None:
    """Resumed after running out of memory, no step is lost and none is done twice."""
    run = make_run(tmp_path, tiny)
    process = start(run, command=[PYTHON, "-c", BREAKS, "oom", str(run.path)])
    assert 1 == process.wait(timeout=240)
    before = len(read_events(run.events_file))

    again = finish(run, resume=True)[before:]

    steps = [e.step for e in again if isinstance(e, Metrics) and e.loss is not None]
    assert list(range(5, 21)) == steps
    assert "done" == last(again).status
