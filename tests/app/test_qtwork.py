"""Threads tell everything once, in order, and are gone when they say so."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt, QThread, Slot
from pytestqt.qtbot import QtBot

from app.qtwork import process
from app.qtwork.background import Background
from app.qtwork.gpu_lease import GpuLease
from app.qtwork.navigator import Navigator
from app.qtwork.process import TaskRunner
from app.qtwork.pulse import Pulse
from app.qtwork.supervisor import RunSupervisor
from core.errors import DatasetError, WorkFailed
from core.plan.plan import Plan
from core.runs.events import Metrics, RunEvent, encode
from core.runs.folder import RunFolder, Status, create_run
from core.runs.tail import EventTail


class Heard(QObject):
    """What signals said, and in which thread they were heard."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[object] = []
        self.threads: set[bool] = set()

    @Slot(object)
    def hear(self, value: object) -> None:
        self.values.append(value)
        self.threads.add(QThread.currentThread() is self.thread())


# -- background ----------------------------------------------------------------


def test_an_answer_comes_to_the_main_thread(qtbot: QtBot) -> None:
    """The function runs elsewhere, its answer is heard here."""
    background, heard = Background(), Heard()
    background.answered.connect(heard.hear)

    with qtbot.waitSignal(background.answered):
        background.ask(threading.get_ident)

    assert [threading.get_ident()] != heard.values
    assert {True} == heard.threads


def test_an_error_is_a_value(qtbot: QtBot) -> None:
    """Our own errors come as they are; a stranger comes as a bug, in words."""
    background = Background()

    def ours() -> None:
        raise DatasetError("dataset.empty", "It is empty.", hint="Choose another.")

    with qtbot.waitSignal(background.failed) as told:
        background.ask(ours)
    assert "dataset.empty" == told.args[0].code

    with qtbot.waitSignal(background.failed) as told:
        background.ask(lambda: 1 / 0)
    assert "bug" == told.args[0].code
    assert "ZeroDivisionError" in told.args[0].message


def test_the_newest_question_wins(qtbot: QtBot) -> None:
    """While one call runs, of all that follow only the last is asked and answered."""
    background, heard = Background(), Heard()
    background.answered.connect(heard.hear)
    gate, asked = threading.Event(), list[int]()

    def wait() -> int:
        gate.wait()
        return 0

    def ask(number: int) -> None:
        def answer() -> int:
            asked.append(number)
            return number

        background.ask(answer)

    background.ask(wait)
    for number in range(1, 1001):
        ask(number)
    with qtbot.waitSignal(background.answered):
        gate.set()

    assert [1000] == asked == heard.values


def test_a_cancelled_question_is_never_answered(qtbot: QtBot) -> None:
    """After `cancel` the answer of a running call is dropped."""
    background, heard = Background(), Heard()
    background.answered.connect(heard.hear)
    gate = threading.Event()

    background.ask(gate.wait)
    background.cancel()
    with qtbot.waitSignal(background.busy_changed):
        gate.set()

    assert [] == heard.values
    assert not background.is_busy


# -- tasks ---------------------------------------------------------------------


class FakeTask:
    """A child of few words, that can be killed."""

    def __init__(self, name: str, request: object, *, environment: object) -> None:
        self.request = request
        self._killed = threading.Event()

    def cancel(self) -> None:
        self._killed.set()

    def events(self):
        if self.request == "hang":
            self._killed.wait()
            raise WorkFailed("cancelled", "It was cancelled.")
        if self.request == "fail":
            raise DatasetError("dataset.binary", "This is no text.")
        for done in range(20_000):
            yield {"kind": "progress", "done": done, "total": 20_000}
        yield {"kind": "result", "answer": 42}


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> TaskRunner:
    monkeypatch.setattr(process, "Task", FakeTask)
    return TaskRunner()


def test_a_task_ends_with_its_result(qtbot: QtBot, runner: TaskRunner) -> None:
    """20,000 words of progress become few, the last of them whole, then the result."""
    heard, result = Heard(), Heard()
    runner.progressed.connect(heard.hear)
    runner.succeeded.connect(result.hear)

    begun = time.monotonic()
    with qtbot.waitSignal(runner.finished):
        runner.start("count", "count")
    elapsed_s = time.monotonic() - begun

    assert [{"kind": "result", "answer": 42}] == result.values
    assert 19_999 == heard.values[-1]["done"]  # type: ignore[index]
    assert len(heard.values) <= 2 + elapsed_s / 0.066
    assert not runner.is_busy


def test_a_task_that_fails_says_why(qtbot: QtBot, runner: TaskRunner) -> None:
    """The child's error is a value, and another task may start."""
    failure = Heard()
    runner.failed.connect(failure.hear)

    with qtbot.waitSignal(runner.finished):
        runner.start("fail", "fail")

    assert ["dataset.binary"] == [error.code for error in failure.values]  # type: ignore[attr-defined]
    assert not runner.is_busy


def test_a_cancelled_task_is_killed(qtbot: QtBot, runner: TaskRunner) -> None:
    """Cancel kills the child, and the end is told as any other."""
    failure = Heard()
    runner.failed.connect(failure.hear)
    runner.start("hang", "hang")

    with qtbot.waitSignal(runner.finished):
        runner.cancel()

    assert ["cancelled"] == [error.code for error in failure.values]  # type: ignore[attr-defined]


def test_closing_waits_for_the_thread_alone(qtbot: QtBot, runner: TaskRunner) -> None:
    """`shut_down` kills the child and returns when the thread is gone."""
    runner.start("hang", "hang")

    runner.shut_down()

    assert all(not t.isRunning() for t in runner.findChildren(QThread))


def test_one_task_at_a_time(qtbot: QtBot, runner: TaskRunner) -> None:
    """A second task is refused while one runs: the page asks `is_busy` first."""
    runner.start("hang", "hang")

    with pytest.raises(RuntimeError):
        runner.start("more", "more")
    runner.shut_down()


# -- the supervisor ------------------------------------------------------------


class Counting:
    """A digest that counts, and remembers who called it."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.calls = 0
        self.threads: set[int] = set()

    def __call__(self, events: Sequence[RunEvent]) -> tuple[int, int]:
        self.calls += 1
        self.threads.add(threading.get_ident())
        self.steps += [e.step for e in events if isinstance(e, Metrics)]
        return len(self.steps), self.steps[-1] if self.steps else 0


def metrics(step: int) -> str:
    return encode(Metrics(t=1.0, step=step, epoch=0.1, loss=2.0)) + "\n"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path / "runs", Plan(name="a run"), {})


def end(qtbot: QtBot, supervisor: RunSupervisor) -> None:
    with qtbot.waitSignal(supervisor.finished):
        supervisor.request_end()
    supervisor.wait()


def test_the_whole_past_is_told_before_it_is_caught_up(
    qtbot: QtBot, run: RunFolder
) -> None:
    """A run found again after a restart shows its whole curve, in few pictures."""
    run.events_file.write_text("".join(map(metrics, range(1, 20_001))), "utf-8")
    digest, heard = Counting(), Heard()
    supervisor = RunSupervisor(run, digest)
    supervisor.published.connect(heard.hear)

    with qtbot.waitSignal(supervisor.caught_up):
        supervisor.start()
    end(qtbot, supervisor)

    assert (20_000, 20_000) == heard.values[-1]
    assert len(heard.values) < 200
    assert list(range(1, 20_001)) == digest.steps
    assert threading.get_ident() not in digest.threads
    assert {True} == heard.threads


def test_a_flood_is_told_in_few_pictures(qtbot: QtBot, run: RunFolder) -> None:
    """20,000 events, as fast as a disk takes them, cost the window a few pictures."""
    digest, heard = Counting(), Heard()
    supervisor = RunSupervisor(run, digest)
    supervisor.published.connect(heard.hear)
    supervisor.start()

    begun = time.monotonic()
    with run.events_file.open("a", encoding="utf-8") as file:
        for step in range(1, 20_001):
            file.write(metrics(step))
            file.flush()
    qtbot.waitUntil(lambda: bool(heard.values) and heard.values[-1] == (20_000, 20_000))
    elapsed_s = time.monotonic() - begun
    end(qtbot, supervisor)

    assert list(range(1, 20_001)) == digest.steps
    assert len(heard.values) <= 2 + elapsed_s / 0.066


def test_half_a_line_waits_for_its_other_half(qtbot: QtBot, run: RunFolder) -> None:
    """A line that is being written is read when it is whole."""
    line = metrics(7)
    run.events_file.write_text(metrics(6) + line[:20], encoding="utf-8")
    digest = Counting()
    supervisor = RunSupervisor(run, digest)
    with qtbot.waitSignal(supervisor.caught_up):
        supervisor.start()

    with qtbot.waitSignal(supervisor.published), run.events_file.open("a") as file:
        file.write(line[20:])
    end(qtbot, supervisor)

    assert [6, 7] == digest.steps


def test_a_run_whose_process_is_gone_is_interrupted(
    qtbot: QtBot, run: RunFolder
) -> None:
    """`status.json` says running, no such process lives: interrupted, once."""
    heard = Heard()
    run.write_status(Status(status="running", pid=2**22 + 1, pid_started=1.0, step=5))
    supervisor = RunSupervisor(run, Counting())
    supervisor.status_changed.connect(heard.hear)
    with qtbot.waitSignal(supervisor.caught_up):
        supervisor.start()
    end(qtbot, supervisor)

    assert ["interrupted"] == [status.status for status in heard.values]  # type: ignore[attr-defined]


def test_an_end_is_told_after_its_last_events(
    qtbot: QtBot, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever hears that a run is done has all of it, whenever it ended."""
    run.write_status(Status(status="running", pid=os.getpid()))
    digest, at_end = Counting(), list[tuple[str, list[int]]]()
    read = RunSupervisor._read

    def ends_after(self: RunSupervisor, tail: EventTail) -> list[RunEvent]:
        fresh = read(self, tail)
        if run.written_status().status == "running":
            run.events_file.write_text(metrics(9), encoding="utf-8")
            run.write_status(Status(status="done", step=9))
        return fresh

    monkeypatch.setattr(RunSupervisor, "_read", ends_after)
    supervisor = RunSupervisor(run, digest)
    supervisor.status_changed.connect(
        lambda status: at_end.append((status.status, list(digest.steps))),
        Qt.ConnectionType.DirectConnection,
    )
    supervisor.start()
    qtbot.waitUntil(lambda: bool(at_end) and at_end[-1][0] == "done")
    end(qtbot, supervisor)

    assert [("running", []), ("done", [9])] == at_end


def test_a_digest_that_breaks_is_told(qtbot: QtBot, run: RunFolder) -> None:
    """An error in the thread is a value; the thread ends, the window lives."""

    def breaking(_events: Sequence[RunEvent]) -> object:
        raise KeyError("colour")

    supervisor, failure = RunSupervisor(run, breaking), Heard()
    supervisor.failed.connect(failure.hear)
    with qtbot.waitSignal(supervisor.finished):
        supervisor.start()
    supervisor.wait()
    qtbot.waitUntil(lambda: bool(failure.values))

    assert ["bug"] == [error.code for error in failure.values]  # type: ignore[attr-defined]


def test_unknown_kinds_are_no_trouble(qtbot: QtBot, run: RunFolder) -> None:
    """Lines of another version, and garbage, are passed over."""
    lines = [json.dumps({"t": 1, "kind": "hologram"}), "{", "\x00", metrics(3).strip()]
    run.events_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    digest = Counting()
    supervisor = RunSupervisor(run, digest)
    with qtbot.waitSignal(supervisor.caught_up):
        supervisor.start()
    end(qtbot, supervisor)

    assert [3] == digest.steps


# -- pulse, lease, navigator ---------------------------------------------------


def test_the_pulse_tells_only_what_changed(qtbot: QtBot) -> None:
    """The same answer twice is told once; a reader that fails stops nothing."""
    answers = iter([("a",), ("a",), ("b",)])
    looked = threading.Semaphore(0)

    def runs() -> object:
        looked.release()
        return next(answers, ("b",))

    def device() -> object:
        raise OSError("the driver went away")

    pulse, heard = Pulse(runs, device), Heard()
    pulse.runs_changed.connect(heard.hear)
    pulse.start()
    for _ in range(4):
        pulse.poke()
        qtbot.waitUntil(lambda: looked.acquire(blocking=False))
    qtbot.waitUntil(lambda: len(heard.values) == 2)
    pulse.end()

    assert [("a",), ("b",)] == heard.values
    assert pulse.device is None
    assert not pulse.isRunning()


def test_one_holder_has_the_device(qtbot: QtBot) -> None:
    """The second asks in vain until the first gives it back."""
    lease = GpuLease()

    assert lease.take("the chat")
    assert lease.take("the chat")
    assert not lease.take("the training")
    with qtbot.waitSignal(lease.wanted) as told:
        lease.ask_back()
    assert ["the chat"] == told.args
    lease.give_back("the training")
    assert "the chat" == lease.taken_by
    lease.give_back("the chat")
    assert lease.take("the training")


def test_the_navigator_carries_page_and_argument(qtbot: QtBot) -> None:
    """What a page asks for arrives as it was said."""
    navigator = Navigator()

    with qtbot.waitSignal(navigator.requested) as told:
        navigator.open("runs", "20260101-first")

    assert ["runs", "20260101-first"] == told.args
