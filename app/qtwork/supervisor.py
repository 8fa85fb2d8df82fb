"""The thread that follows one run's folder.

The run outlives the window, so the folder is the truth: this reads ``events.jsonl``
and ``status.json`` as they grow and tells what they say. Events are folded here, off
the main thread, and a picture is published at most 15 times a second: a flood of
events costs the window nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import (
    QDeadlineTimer,
    QElapsedTimer,
    QMutex,
    QObject,
    QThread,
    QWaitCondition,
    Signal,
)

from app.qtwork.background import as_error
from core.runs.events import RunEvent
from core.runs.folder import RunFolder, Status
from core.runs.tail import EventTail

Digest = Callable[[Sequence[RunEvent]], object]
"""Takes what is new and returns the whole picture, as an immutable value.

It is called in the supervisor's thread and by nobody else, so it may keep state.
"""

_LOOK_MS = 66  # a person sees no more than 15 pictures a second
_QUIET_LOOK_MS = 500  # nothing came for a while, or the run is over
_BLOCK_BYTES = 32 * 1024
_READ_MS = 60


class RunSupervisor(QThread):
    """Follows one run until `request_end`; also after it ended, for it may be resumed.

    Signals:
        published (object): the digest's picture, when something is new.
        status_changed (Status): what the run is doing, when it changed.
        caught_up (): everything written before has been published, once.
        failed (TunesmithError): the folder can no longer be read; the thread ends.
    """

    published = Signal(object)
    status_changed = Signal(object)
    caught_up = Signal()
    failed = Signal(object)

    def __init__(
        self, folder: RunFolder, digest: Digest, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._folder = folder
        self._digest = digest
        self._lock = QMutex()
        self._woken = QWaitCondition()
        self._ending = False
        self._status: Status | None = None

    def request_end(self) -> None:
        """Ask the thread to end; `finished` follows within a moment."""
        self._lock.lock()
        self._ending = True
        self._woken.wakeAll()
        self._lock.unlock()

    def look_now(self) -> None:
        """Look at the folder at once: an order was just given."""
        self._woken.wakeAll()

    def run(self) -> None:
        try:
            self._follow()
        except Exception as err:  # noqa: BLE001 - thread boundary: tell, never vanish
            self.failed.emit(as_error(err))

    def _follow(self) -> None:
        tail = EventTail(self._folder.events_file)
        caught_up = False
        quiet_looks = 0
        while not self._ending:
            since = QElapsedTimer()
            since.start()
            # Before the events, so that an end it tells of is among them.
            status = self._folder.status()
            fresh = self._read(tail)
            if fresh or not caught_up:
                self.published.emit(self._digest(fresh))
            if not fresh and not caught_up:
                caught_up = True
                self.caught_up.emit()
            self._tell_status(status)
            quiet_looks = 0 if fresh else quiet_looks + 1
            if fresh:  # there may be more: go on, after a rest
                self._rest(max(_LOOK_MS - since.elapsed(), since.elapsed() // 2))
            else:
                self._rest(_QUIET_LOOK_MS if quiet_looks > 15 else _LOOK_MS)

    def _read(self, tail: EventTail) -> list[RunEvent]:
        """Return what is new, or as much as can be read in a few moments.

        Reading and folding hold the interpreter's lock, which the window needs for
        every click: so this thread works in small pieces and rests between them.
        """
        fresh: list[RunEvent] = []
        since = QElapsedTimer()
        since.start()
        while since.elapsed() < _READ_MS and (block := tail.read(_BLOCK_BYTES)):
            fresh += block
            self.msleep(1)
        return fresh

    def _tell_status(self, status: Status) -> None:
        seen = (status.status, status.step, status.steps)
        known = self._status
        if known is None or seen != (known.status, known.step, known.steps):
            self._status = status
            self.status_changed.emit(status)

    def _rest(self, milliseconds: int) -> None:
        self._lock.lock()
        if not self._ending:
            self._woken.wait(self._lock, QDeadlineTimer(milliseconds))
        self._lock.unlock()
