"""What no one caught: logged, told, survived.

An error of ours in a slot must not take the window, or a person's work, with it.
"""

from __future__ import annotations

import logging
import logging.handlers
import platform
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final

from PySide6.QtCore import (
    QMessageLogContext,
    QObject,
    QtMsgType,
    Signal,
    qInstallMessageHandler,
)

from app.hub_token import masked

_log = logging.getLogger("tunesmith.window")
_LOG_BYTES: Final = 1 << 20

# Said by plugins about themselves; nothing a person could act on.
_QT_CHATTER: Final = ("propagateSizeHints", "setlocale", "This plugin supports")


class _Masking(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = masked(str(record.getMessage()))
        record.args = ()
        return True


class CrashReporter(QObject):
    """Told of every error nobody caught, from any thread.

    Signals:
        crashed (str): a report to show and copy.
    """

    crashed = Signal(str)

    def install(self) -> None:
        """Take the interpreter's and the threads' last words from now on."""
        sys.excepthook = self._on_main
        threading.excepthook = self._on_thread

    def uninstall(self) -> None:
        """Give the last words back: the window is gone."""
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__

    def report(self, err: BaseException) -> str:
        """Log `err` and return the report."""
        text = masked("".join(traceback.format_exception(err)))
        head = (
            f"Tunesmith on {platform.platform()}, Python {platform.python_version()}\n"
        )
        _log.error("nobody caught this:\n%s", text)
        return head + text

    def _on_main(
        self,
        kind: type[BaseException],
        err: BaseException,
        _trace: TracebackType | None,
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, err, _trace)
            return
        self.crashed.emit(self.report(err))

    def _on_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self.crashed.emit(self.report(args.exc_value))


def start_log(folder: Path) -> Path:
    """Write the window's log to `folder`, in two files of a megabyte; return the file.

    Never fails: without a writable folder the log goes to stderr alone.
    """
    file = folder / "window.log"
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = logging.handlers.RotatingFileHandler(
            file, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8", delay=True
        )
    except OSError:
        handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(_Masking())
    root.addHandler(handler)
    qInstallMessageHandler(_on_qt_message)
    return file


def _on_qt_message(kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
    if any(word in message for word in _QT_CHATTER):
        return
    levels: dict[QtMsgType, Callable[[str], None]] = {
        QtMsgType.QtDebugMsg: _log.debug,
        QtMsgType.QtInfoMsg: _log.info,
        QtMsgType.QtWarningMsg: _log.warning,
    }
    levels.get(kind, _log.error)(f"Qt: {message}")
