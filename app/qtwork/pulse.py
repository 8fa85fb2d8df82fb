"""The thread that looks at the machine and the runs once a second.

Both take longer than a frame on a slow disk or driver, so the window never asks
itself: it hears when something changed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from PySide6.QtCore import (
    QDeadlineTimer,
    QMutex,
    QObject,
    QThread,
    QWaitCondition,
    Signal,
)

_log = logging.getLogger(__name__)
_BEAT_MS = 1000
_BEATS_PER_DEVICE_LOOK = 2


class Pulse(QThread):
    """Reads through the two functions given, off the main thread.

    Signals:
        runs_changed (object): what `read_runs` returned, when it is not what it was.
        device_changed (object): the same of `read_device`.
    """

    runs_changed = Signal(object)
    device_changed = Signal(object)

    def __init__(
        self,
        read_runs: Callable[[], object],
        read_device: Callable[[], object],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._read_runs = read_runs
        self._read_device = read_device
        self._lock = QMutex()
        self._woken = QWaitCondition()
        self._ending = False
        self._runs: object = None
        self._device: object = None

    @property
    def runs(self) -> object:
        """What was last read of the runs; None before the first look."""
        return self._runs

    @property
    def device(self) -> object:
        """What was last read of the device; None before the first look."""
        return self._device

    def poke(self) -> None:
        """Look now instead of at the next beat."""
        self._woken.wakeAll()

    def end(self) -> None:
        """End the thread and wait for it: a look takes well under a second."""
        self._lock.lock()
        self._ending = True
        self._woken.wakeAll()
        self._lock.unlock()
        self.wait()

    def run(self) -> None:
        beat = 0
        while not self._ending:
            self._look_at_runs()
            if beat % _BEATS_PER_DEVICE_LOOK == 0:
                self._look_at_device()
            beat += 1
            self._lock.lock()
            if not self._ending:
                self._woken.wait(self._lock, QDeadlineTimer(_BEAT_MS))
            self._lock.unlock()

    def _look_at_runs(self) -> None:
        try:
            found = self._read_runs()
        except Exception:  # noqa: BLE001 - thread boundary: the next beat looks again
            _log.exception("could not read the runs")
            return
        if found != self._runs:
            self._runs = found
            self.runs_changed.emit(found)

    def _look_at_device(self) -> None:
        try:
            found = self._read_device()
        except Exception:  # noqa: BLE001 - thread boundary: the next beat looks again
            _log.exception("could not read the device")
            return
        if found != self._device:
            self._device = found
            self.device_changed.emit(found)
