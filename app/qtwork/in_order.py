"""Calls off the main thread that must all happen, one after another: edits, orders."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal, Slot

from app.qtwork.background import Background
from core.errors import TunesmithError


class InOrder(QObject):
    """Unlike `Background`, drops nothing: each call runs, in the order of asking.

    Signals:
        answered (object): what a call returned.
        failed (TunesmithError): why one did not; the next runs all the same.
    """

    answered = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: deque[Callable[[], object]] = deque()
        self._background = Background(self)
        self._background.answered.connect(self._on_answered)
        self._background.failed.connect(self._on_failed)

    @property
    def is_busy(self) -> bool:
        """Whether a call runs or waits."""
        return self._background.is_busy or bool(self._waiting)

    def ask(self, function: Callable[[], object]) -> None:
        """Call `function` when those before it are done."""
        self._waiting.append(function)
        self._next()

    def _next(self) -> None:
        if self._waiting and not self._background.is_busy:
            self._background.ask(self._waiting.popleft())

    @Slot(object)
    def _on_answered(self, answer: object) -> None:
        self._next()
        self.answered.emit(answer)

    @Slot(object)
    def _on_failed(self, error: TunesmithError) -> None:
        self._next()
        self.failed.emit(error)
