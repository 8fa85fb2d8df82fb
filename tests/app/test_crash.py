"""What no one caught is logged without secrets, told, and survived."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import qInstallMessageHandler, qWarning
from pytestqt.qtbot import QtBot

from app.crash import CrashReporter, start_log

TOKEN = "hf_" + "A1b2" * 8


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """The window's log, taken away again afterwards."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    file = start_log(tmp_path / "logs")
    yield file
    qInstallMessageHandler(None)
    for handler in [h for h in root.handlers if h not in before]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


@pytest.fixture
def reporter(qtbot: QtBot) -> Iterator[CrashReporter]:
    made = CrashReporter()
    hooks = sys.excepthook, threading.excepthook
    made.install()
    yield made
    made.uninstall()
    sys.excepthook, threading.excepthook = hooks


def fail() -> None:
    raise KeyError(f"token {TOKEN}")


def test_an_error_in_a_thread_is_told(qtbot: QtBot, reporter: CrashReporter) -> None:
    """A thread's last words reach the window, with the trace and without the token."""
    thread = threading.Thread(target=fail)

    with qtbot.waitSignal(reporter.crashed) as told:
        thread.start()
    thread.join()

    assert "KeyError" in told.args[0]
    assert "in fail" in told.args[0]
    assert TOKEN not in told.args[0]


def test_an_error_in_the_main_thread_is_told(
    qtbot: QtBot, reporter: CrashReporter
) -> None:
    """What escapes a slot is told the same way."""
    with pytest.raises(KeyError) as caught:
        fail()

    with qtbot.waitSignal(reporter.crashed) as told:
        sys.excepthook(KeyError, caught.value, caught.tb)

    assert "Tunesmith on" in told.args[0]


def test_no_token_reaches_the_log(log: Path) -> None:
    """Whatever a library writes, what looks like a token is unreadable."""
    logging.getLogger("somebody").warning("url?token=%s", TOKEN)
    for handler in logging.getLogger().handlers:
        handler.flush()

    text = log.read_text(encoding="utf-8")
    assert "url?token=hf_***" in text
    assert TOKEN not in text


@pytest.mark.qt_no_exception_capture
def test_what_qt_says_is_in_the_log(log: Path) -> None:
    """Qt's own warnings are kept for whoever looks for a cause."""
    qWarning("something about a timer")
    for handler in logging.getLogger().handlers:
        handler.flush()

    assert "Qt: something about a timer" in log.read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    """Without a log the window opens all the same."""
    root = logging.getLogger()
    before = list(root.handlers)
    file = tmp_path / "file"
    file.write_text("in the way", encoding="utf-8")

    start_log(file / "logs")

    new = [h for h in root.handlers if h not in before]
    assert [logging.StreamHandler] == [type(handler) for handler in new]
    for handler in new:
        root.removeHandler(handler)
    qInstallMessageHandler(None)
