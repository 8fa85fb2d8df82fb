"""The window's start: light, single, orderly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.single_instance import SingleInstance

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    "torch",
    "transformers",
    "peft",
    "trl",
    "datasets",
    "bitsandbytes",
    "accelerate",
}

OPEN = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from app import session, window_main
class Watched(session.Session):
    def start(self):
        super().start()
        {after}
session.Session = Watched
status = window_main.main()
print("ended", status, flush=True)
"""
QUIT = "QTimer.singleShot(0, self.window.close)"


def command(after: str) -> list[str]:
    return [sys.executable, "-c", OPEN.format(after=after)]


def environment(home: Path) -> dict[str, str]:
    return {
        **os.environ,
        "TUNESMITH_HOME": str(home),
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture
def open_window(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A window that stays open, in a process of its own."""
    process = subprocess.Popen(
        command("print('open', flush=True)"),
        cwd=ROOT, env=environment(tmp_path), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert "open\n" == process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_the_window_loads_nothing_heavy(tmp_path: Path) -> None:
    """With every page built, none of the training libraries is in memory."""
    after = (
        QUIT + ";[self.window.open_page(key) for key in self.window._specs];"
        "print('modules', *sys.modules, flush=True)"
    )
    done = subprocess.run(
        command(after), cwd=ROOT, env=environment(tmp_path),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = next(
        line for line in done.stdout.splitlines() if line.startswith("modules")
    )

    assert set() == HEAVY & set(loaded.split())
    assert "app.home.page" in loaded.split()
    assert "ended 0" in done.stdout


def test_the_first_picture_needs_no_charts(tmp_path: Path) -> None:
    """Numpy and pyarrow load when something needs them, not at the start."""
    after = "print('modules', *sys.modules, flush=True);" + QUIT
    done = subprocess.run(
        command(after), cwd=ROOT, env=environment(tmp_path),
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert set() == {"numpy", "pyarrow"} & set(done.stdout.split())


def test_a_second_start_raises_the_first(
    open_window: subprocess.Popen[str], tmp_path: Path
) -> None:
    """The second start ends with status 0 and the first window rises."""
    second = subprocess.run(
        [sys.executable, "-m", "app"], cwd=ROOT, env=environment(tmp_path),
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert 0 == second.returncode
    assert "open already" in second.stderr
    assert open_window.poll() is None


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_a_killed_window_leaves_no_lock(
    open_window: subprocess.Popen[str], tmp_path: Path
) -> None:
    """After kill -9 the next start opens a window, stale lock and socket or not."""
    open_window.send_signal(signal.SIGKILL)
    open_window.wait()

    done = subprocess.run(
        command(QUIT), cwd=ROOT, env=environment(tmp_path),
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "ended 0" in done.stdout
    assert "open already" not in done.stderr


def test_the_first_hears_the_second(qtbot: QtBot, tmp_path: Path) -> None:
    """A second instance of the same folder is refused and heard."""
    first, second = SingleInstance(tmp_path), SingleInstance(tmp_path)
    assert first.acquire()

    with qtbot.waitSignal(first.raise_requested):
        assert not second.acquire()

    first.release()
    assert second.acquire()
    second.release()


def test_two_folders_are_two_windows(qtbot: QtBot, tmp_path: Path) -> None:
    """Each home has a window of its own."""
    homes = [tmp_path / name for name in ("one", "two")]
    for home in homes:
        home.mkdir()
    windows = [SingleInstance(home) for home in homes]

    assert [True, True] == [window.acquire() for window in windows]
    for window in windows:
        window.release()
