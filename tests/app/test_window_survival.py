"""Killed with -9, the window takes no training along; the next start finds it again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import psutil
import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.session import Session
from app.training.page import RunsPage
from core.places import Places
from core.runs.events import Metrics
from core.runs.folder import RunFolder, is_alive
from core.runs.tail import read_events
from tests.fakes.tiny_model import make_tiny_model
from tests.fakes.tiny_run import make_run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")

ROOT = Path(__file__).resolve().parents[2]
# Far more than a test waits for: such a run ends only because it is told to.
ENDLESS = 1_000_000

# The real window; told to start a run as its Train page does, and to say when it rises.
WINDOW = """
import sys
from pathlib import Path
from app import main_window, session, window_main
from core.runs.folder import RunFolder

run = RunFolder(Path(sys.argv[1])) if sys.argv[1:] else None

class Watched(session.Session):
    def start(self):
        super().start()
        if run is not None:
            self.services.launcher.start(run)
        print("open", flush=True)

rise = main_window.MainWindow.rise
def told(self):
    rise(self)
    print("risen", flush=True)

main_window.MainWindow.rise = told
session.Session = Watched
raise SystemExit(window_main.main())
"""


def open_window(home: Path, *arguments: str) -> subprocess.Popen[str]:
    """Return a window in a process group of its own, shown and at work."""
    process = subprocess.Popen(
        [sys.executable, "-c", WINDOW, *arguments],
        cwd=ROOT,
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert "open\n" == process.stdout.readline()
    return process


def environment(home: Path) -> dict[str, str]:
    return {
        **os.environ,
        "TUNESMITH_HOME": str(home),
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }


def kill(process: subprocess.Popen[str]) -> None:
    """Kill the window's whole group, as a closed terminal would, and reap it."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def trained_steps(run: RunFolder) -> list[int]:
    """Return the steps the engine says it has done."""
    events = read_events(run.events_file)
    return [e.step for e in events if isinstance(e, Metrics) and e.loss is not None]


def drawn_steps(page: RunsPage) -> list[int]:
    """Return the steps whose loss the open run's chart shows."""
    curves = page.panel.charts.loss.plot.curves
    drawn = [[int(x) for x in curve.xs] for curve in curves]
    return max(drawn, key=len) if drawn else []


@contextmanager
def held_still(qtbot: QtBot, run: RunFolder) -> Generator[None]:
    """Stop the engine's process for a while; it is alive, and does nothing."""
    pid = run.written_status().pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        # The signal is sent, not yet delivered.
        qtbot.waitUntil(lambda: psutil.STATUS_STOPPED == psutil.Process(pid).status())
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def run(own_home: Path, tmp_path: Path) -> Iterator[RunFolder]:
    """A queued run of a tiny model; whatever trains it is gone at the end."""
    model = make_tiny_model(tmp_path / "tiny")
    made = make_run(own_home, model, max_steps=ENDLESS, save_every=100)
    yield made
    written = made.written_status()
    if written.pid is not None and is_alive(written.pid, written.pid_started):
        os.kill(written.pid, signal.SIGKILL)


@pytest.fixture
def second(qtbot: QtBot, own_home: Path) -> Iterator[Session]:
    """The next start of the window, in this process, on the page of runs."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    session = Session(app, Places(home=own_home).make())
    session.show(page="runs")
    session.services.pulse.start()
    yield session
    session.window.close()
    session.end()
    session.window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.mark.slow
def test_a_killed_window_takes_no_training_along(
    qtbot: QtBot, run: RunFolder, own_home: Path, request: pytest.FixtureRequest
) -> None:
    """The run goes on, is found live by the next start, and is drawn whole."""
    window = open_window(own_home, str(run.path))
    qtbot.waitUntil(lambda: len(trained_steps(run)) >= 3)
    kill(window)
    at_kill = len(trained_steps(run))
    qtbot.waitUntil(lambda: len(trained_steps(run)) > at_kill)
    # However fast this machine is, it trains while we look.
    with held_still(qtbot, run):
        before = trained_steps(run)
        page = cast(RunsPage, request.getfixturevalue("second").window.page("runs"))
        qtbot.waitUntil(lambda: page.runs.list_model.rowCount() == 1)
        page.open_with(run.run_id)
        qtbot.waitUntil(lambda: drawn_steps(page) == before)
        assert page.panel.badge.text == "Running"
        assert list(range(1, len(before) + 1)) == before

    qtbot.waitUntil(lambda: len(drawn_steps(page)) > len(before))
    run.order("stop")
    qtbot.waitUntil(lambda: page.panel.badge.text == "Stopped")
    qtbot.waitUntil(lambda: drawn_steps(page) == trained_steps(run))


def test_a_second_start_raises_the_first_window(own_home: Path) -> None:
    """It ends with status 0 and the first comes to the front; killed, it bars nobody."""
    own_home.mkdir()
    first = open_window(own_home)
    second = subprocess.run(
        [sys.executable, "-m", "app"], cwd=ROOT, env=environment(own_home),
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert 0 == second.returncode
    assert "open already" in second.stderr
    assert first.stdout is not None
    assert "risen\n" == first.stdout.readline()

    kill(first)
    third = open_window(own_home)
    assert third.poll() is None
    kill(third)
