"""Pure computation on the window's thread, a few milliseconds between two paints.

Not in a thread: one that computes in Python holds up every paint for the interpreter's
lock, and longer than a slice does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from PySide6.QtCore import QElapsedTimer, QObject, QTimer, Signal, Slot

SLICE_MS: Final = 5  # well under a frame of 16 ms, so that painting goes on between
_DONE: Final = object()


class Slices(QObject):
    """Walks iterators to their ends, one after another; newer ones replace them.

    Signals:
        advanced (): a slice is over; more is known than before.
        finished (): every iterator is at its end.
    """

    advanced = Signal()
    finished = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: list[Iterator[None]] = []
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._on_idle)

    @property
    def is_busy(self) -> bool:
        """Whether anything is left to do."""
        return bool(self._jobs)

    def run(self, *jobs: Iterator[None]) -> None:
        """Walk `jobs` in their order, in place of what was walked before."""
        self._jobs = list(jobs)
        self._timer.start(0)

    def stop(self) -> None:
        """Leave what is not done."""
        self._jobs = []
        self._timer.stop()

    @Slot()
    def _on_idle(self) -> None:
        since = QElapsedTimer()
        since.start()
        while self._jobs and since.elapsed() < SLICE_MS:
            if next(self._jobs[0], _DONE) is _DONE and self._jobs:
                self._jobs.pop(0)
        if not self._jobs:
            self._timer.stop()
        self.advanced.emit()
        if not self._jobs:
            self.finished.emit()
