"""The end of a log, bounded, and safe with a line of a megabyte."""

from __future__ import annotations

from collections import deque
from typing import Final

from PySide6.QtCore import QTimer
from PySide6.QtGui import QTextOption
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

from app import theme
from app.widgets.text import break_long_runs

MOST_LINES: Final = 5000
LONGEST_LINE: Final = 4000
_PAINT_MS: Final = 66


class LogTail(QPlainTextEdit):
    """The last 5,000 lines; appending is cheap, painting happens 15 times a second."""

    def __init__(self, *, name: str = "Log", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setAccessibleName(name)
        self.setProperty("kind", "log")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMaximumBlockCount(MOST_LINES)
        self.setWordWrapMode(QTextOption.WrapMode.NoWrap)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setFont(theme.monospace("caption"))
        self._waiting: deque[str] = deque(maxlen=MOST_LINES)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAINT_MS)
        self._timer.timeout.connect(self.flush)

    def append_text(self, text: str) -> None:
        """Add `text` (any number of lines) at the end, soon."""
        for line in text.splitlines():
            self._waiting.append(_bounded(line))
        if self._waiting and not self._timer.isActive():
            self._timer.start()

    def show_text(self, text: str) -> None:
        """Show the end of `text` instead of what is shown."""
        self.clear()
        self._waiting.clear()
        self.append_text(text)
        self.flush()

    def flush(self) -> None:
        """Paint what waits, now; stay at the end if the reader was there."""
        if not self._waiting:
            return
        bar = self.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 4
        self.appendPlainText("\n".join(self._waiting))
        self._waiting.clear()
        if at_end:
            bar.setValue(bar.maximum())


def _bounded(line: str) -> str:
    if len(line) > LONGEST_LINE:
        line = f"{line[:LONGEST_LINE]} … ({len(line)} characters)"
    return break_long_runs(line)
