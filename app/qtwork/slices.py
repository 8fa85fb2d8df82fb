"""Pure computation on the window's thread, a few milliseconds between two paints.

Not in a thread: one that computes in Python holds up every paint for the interpreter's
lock, and longer than a slice does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from PySide6.QtCore import QElapsedTimer, QObject, QTimer, Signal, Slot

from app.qtwork.background import as_error

SLICE_MS: Final = 4  # well under a frame of 16 ms, so that painting goes on between
_DONE: Final = object()


class Slices(QObject):
    """Walks iterators to their ends, one after another; newer ones replace them.

    Signals:
        advanced (): a slice is over; more is known than before.
        finished (): every iterator is at its end.
        failed (TunesmithError): an iterator ended by an error; the next goes on.
    """

    advanced = Signal()
    finished = Signal()
    failed = Signal(object)

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
            job = self._jobs[0]
            # What it told may have begun others in its place.
            if self._is_over(job) and self._jobs and self._jobs[0] is job:
                self._jobs.pop(0)
        if not self._jobs:
            self._timer.stop()
        self.advanced.emit()
        if not self._jobs:
            self.finished.emit()

    def _is_over(self, job: Iterator[None]) -> bool:
        try:
            return next(job, _DONE) is _DONE
        except Exception as err:  # noqa: BLE001 - as at a thread's edge: tell, go on
            self.failed.emit(as_error(err))
            return True
