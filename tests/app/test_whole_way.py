"""The main job through the window, with the real engine on the starter model."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.session import Session
from app.widgets.line_chart import LineChart
from core.places import Places
from core.runs.folder import RunFolder, all_runs
from core.runs.tail import read_events

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

START = """
import sys
from PySide6.QtCore import QTimer
from app import session, window_main
class Watched(session.Session):
    def start(self):
        super().start()
        self.services.launcher.started.connect(lambda run: print(run, flush=True))
        self.window.open_page("home")
        self.window.page("home")._model.start_demo()
session.Session = Watched
window_main.main()
"""


def environment(home: Path) -> dict[str, str]:
    return {
        **os.environ,
        "TUNESMITH_HOME": str(home),
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
    }


def longest_curve(page: QWidget) -> int:
    charts = cast("list[LineChart]", page.findChildren(LineChart))
    curves = [len(curve.xs) for chart in charts for curve in chart.plot.curves]
    return max(curves, default=0)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A home in which a newcomer has walked the whole way, and the pictures of it."""
    home, out = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("pictures")
    done = subprocess.run(
        [sys.executable, "-m", "tests.tour", str(out), "--home", str(home),
         "--steps", "6", "--once"],
        cwd=ROOT, env=environment(home), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr[-3000:]
    return home, out


def test_a_newcomer_walks_the_whole_way(walked: tuple[Path, Path]) -> None:
    """Model, data, method, fit, training, library, chat: each was there to picture."""
    home, out = walked
    names = {path.stem.removesuffix("-light-100") for path in out.glob("*.png")}

    assert {
        "home-first", "train-1-model", "train-2-data", "train-3-method", "train-4-fit",
        "train-5-start", "run-live", "run", "library", "chat", "home", "models",
        "fits", "settings",
    } <= names  # fmt: skip
    assert list(home.glob("library/*/adapter_model.safetensors"))
    assert not any("failed" in name for name in names)


def test_nothing_went_wrong_unheard(walked: tuple[Path, Path]) -> None:
    """On the whole way no error was left to the window's last resort."""
    home, _ = walked
    log = home / "logs" / "window.log"

    assert "nobody caught this" not in (log.read_text("utf-8") if log.exists() else "")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_a_killed_window_leaves_the_training_to_be_found(
    qtbot: QtBot, walked: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill -9 on the window: the engine goes on, the next window finds its curve."""
    home, _ = walked
    monkeypatch.setenv("TUNESMITH_HOME", str(home))
    window = subprocess.Popen(
        [sys.executable, "-c", START], cwd=ROOT, env=environment(home), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert window.stdout is not None
    run = RunFolder(home / "runs" / window.stdout.readline().strip())
    qtbot.waitUntil(lambda: run.status().step >= 2, timeout=300_000)
    window.send_signal(signal.SIGKILL)
    window.communicate()
    killed_at = run.status().step
    qtbot.waitUntil(lambda: run.status().step > killed_at)

    app = QApplication.instance()
    assert isinstance(app, QApplication)
    session = Session(app, Places(home=home))
    session.show()
    session.start()
    session.window.open_page("runs", run.run_id)
    page: Any = session.window.page("runs")
    seen: list[Any] = []
    session.services.pulse.runs_changed.connect(seen.append)
    qtbot.waitUntil(lambda: bool(seen) and seen[-1][0].status == "running")
    assert run.run_id == seen[-1][0].run_id
    qtbot.waitUntil(lambda: longest_curve(page) >= killed_at)
    run.order("discard")
    qtbot.waitUntil(lambda: run.status().status == "stopped")
    steps = [e.step for e in read_events(run.events_file) if hasattr(e, "loss")]
    session.window.close()
    session.end()
    session.window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

    assert sorted(set(steps))[: killed_at + 1] == list(range(killed_at + 1))
    assert run.run_id in {one.run_id for one in all_runs(home / "runs")}
