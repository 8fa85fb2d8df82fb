"""What every window test stands on: no screen, no leaks, patience, a home of its own."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QThread, QThreadPool
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app import session

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


_PATIENCE_MS = 120_000  # a child imports torch, on a machine others use as well


class PatientBot(QtBot):
    """Waits as long as a loaded machine may take: five seconds are not the promise."""

    def waitUntil(
        self, callback: Callable[[], bool | None], *, timeout: int = _PATIENCE_MS
    ) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(
        self, signal: Any, *, timeout: int = _PATIENCE_MS, **named: Any
    ) -> Any:
        return super().waitSignal(signal, timeout=timeout, **named)

    def keyClick(self, widget: QWidget, *arguments: Any) -> None:
        """Press a key in the window that has the keyboard, as a person would.

        The platform gives it by an event, and takes it with a window of the test before.
        """
        if widget.isVisible():
            widget.activateWindow()
            self.waitUntil(widget.isActiveWindow)
        QtBot.keyClick(widget, *arguments)


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    """As pytest-qt's own, with patience."""
    return PatientBot(request)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test out of the person's folders."""
    home = tmp_path / "home"
    monkeypatch.setenv("TUNESMITH_HOME", str(home))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("TUNESMITH_DEVICE", raising=False)
    return home


@pytest.fixture(autouse=True)
def patient_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a window that closes wait for its calls: the next test must not meet them."""
    monkeypatch.setattr(session, "_PATIENCE_MS", _PATIENCE_MS)


@pytest.fixture(autouse=True)
def nothing_leaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves a thread running or a window open."""
    started: list[QThread] = []
    start = QThread.start

    def recorded(self: QThread, *arguments: Any) -> None:
        started.append(self)
        start(self, *arguments)

    monkeypatch.setattr(QThread, "start", recorded)
    windows = _windows()
    was_on = gc.isenabled()
    gc.disable()  # as in the window: see app.qtwork.collector
    yield
    QThreadPool.globalInstance().waitForDone()
    if was_on:
        gc.enable()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert [] == [thread for thread in started if _runs(thread)]
    assert windows >= _windows()


def _runs(thread: QThread) -> bool:
    try:
        return thread.isRunning()
    except RuntimeError:  # its C++ half is gone, so it ended
        return False


def _windows() -> set[int]:
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        return set()
    return {id(w) for w in app.topLevelWidgets() if w.isVisible()}
