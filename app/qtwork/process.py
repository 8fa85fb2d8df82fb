"""A worker task as signals: downloads, the starter model, the dataset doctor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QElapsedTimer, QObject, QThread, Signal, Slot

from app.qtwork.background import as_error
from core.errors import TunesmithError
from core.launch import Task

_PUBLISH_MS = 66  # a person sees no more than 15 pictures a second


class _TaskThread(QThread):
    """Reads one child's lines. Lives in the asker's thread, runs in its own."""

    progressed = Signal(object)
    ended = Signal(object, object)

    def __init__(
        self,
        name: str,
        request: Mapping[str, Any],
        environment: Mapping[str, str] | None,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._name, self._request, self._environment = name, request, environment
        self._task: Task | None = None
        self._cancelled = False

    def cancel(self) -> None:
        """Kill the child, or never start it."""
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    def rest(self, *, rests: bool) -> None:
        """Let the child stand still, or go on."""
        if self._task is not None:
            (self._task.rest if rests else self._task.go_on)()

    def run(self) -> None:
        result: dict[str, Any] = {}
        error: TunesmithError | None = None
        try:
            self._task = Task(self._name, self._request, environment=self._environment)
            if self._cancelled:
                self._task.cancel()
            result = self._read(self._task)
        except Exception as err:  # noqa: BLE001 - thread boundary: tell, never vanish
            error = as_error(err)
        self.ended.emit(result, error)

    def _read(self, task: Task) -> dict[str, Any]:
        result: dict[str, Any] = {}
        since = QElapsedTimer()
        waiting: dict[str, Any] | None = None
        for event in task.events():
            if event.get("kind") == "result":
                result = event
            elif not since.isValid() or since.elapsed() >= _PUBLISH_MS:
                since.start()
                waiting = None
                self.progressed.emit(event)
            else:
                waiting = event  # the newest, in case nothing follows it
        if waiting is not None:
            self.progressed.emit(waiting)
        return result


class TaskRunner(QObject):
    """One worker task at a time.

    Signals:
        progressed (dict): ``{"kind": "progress", "what", "done", "total", "unit"}``.
        succeeded (dict): the result's keys.
        failed (TunesmithError): why there is none; code ``cancelled`` after `cancel`.
        finished (): it is over, either way, and another may start.
    """

    progressed = Signal(object)
    succeeded = Signal(object)
    failed = Signal(object)
    finished = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: _TaskThread | None = None
        self._outcome: tuple[dict[str, Any], TunesmithError | None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a task runs."""
        return self._thread is not None

    def start(
        self,
        name: str,
        request: Mapping[str, Any],
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start task `name` with `request`.

        Raises:
            RuntimeError: One is running; ask `is_busy` first.
        """
        if self._thread is not None:
            raise RuntimeError("a task is running")
        thread = _TaskThread(name, request, environment, self)
        thread.progressed.connect(self.progressed)
        thread.ended.connect(self._on_ended)
        thread.finished.connect(self._on_finished)
        self._thread = thread
        thread.start()

    def cancel(self) -> None:
        """Kill the task that runs, if one does; `failed` and `finished` follow."""
        if self._thread is not None:
            self._thread.cancel()

    def rest(self, *, rests: bool) -> None:
        """Let the task that runs stand still where it is, or go on."""
        if self._thread is not None:
            self._thread.rest(rests=rests)

    def shut_down(self) -> None:
        """Kill the task and wait until its thread is gone: for closing the window."""
        if self._thread is not None:
            self._thread.cancel()
            self._thread.wait()

    @Slot(object, object)
    def _on_ended(self, result: dict[str, Any], error: TunesmithError | None) -> None:
        self._outcome = (result, error)

    @Slot()
    def _on_finished(self) -> None:
        # Only now is the thread truly over; letting go any earlier aborts the process.
        if self._thread is not None:
            self._thread.deleteLater()
            self._thread = None
        if self._outcome is not None:
            (result, error), self._outcome = self._outcome, None
            if error is not None:
                self.failed.emit(error)
            else:
                self.succeeded.emit(result)
        self.finished.emit()
