"""A short call off the main thread; the newest wins; errors come back as values."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal, Slot

from app.qtwork.window_words import told_here
from core.errors import TunesmithError, WorkFailed

_log = logging.getLogger(__name__)


def as_error(err: Exception) -> TunesmithError:
    """Return `err` as ours, in the window's words: a stranger is a bug, and logged."""
    if isinstance(err, TunesmithError):
        return told_here(err)
    _log.error("a call in the background failed", exc_info=err)
    return WorkFailed(
        "bug",
        f"Something went wrong inside Tunesmith: {type(err).__name__}: {err}",
        hint="Try again; the details are in the log.",
    )


class _Relay(QObject):
    """Carries an answer from the pool's thread to the asker's."""

    done = Signal(int, object, object)


class _Call(QRunnable):
    def __init__(
        self, relay: _Relay, generation: int, function: Callable[[], object]
    ) -> None:
        super().__init__()
        self._relay = relay
        self._generation = generation
        self._function = function

    def run(self) -> None:
        answer: object = None
        error: TunesmithError | None = None
        try:
            answer = self._function()
        except Exception as err:  # noqa: BLE001 - thread boundary: tell, never vanish
            error = as_error(err)
        with contextlib.suppress(RuntimeError):  # the asker went with the application
            self._relay.done.emit(self._generation, answer, error)


class Background(QObject):
    """Asks one question at a time; a newer question replaces one that waits.

    While a call runs, `ask` keeps only the newest question and starts it when the call
    ends; the old answer is dropped. So a slider that moves fast never piles up work.

    Signals:
        answered (object): what the function returned.
        failed (TunesmithError): why it did not.
        busy_changed (bool): a call began, or the last one ended.
    """

    answered = Signal(object)
    failed = Signal(object)
    busy_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._generation = 0
        self._running = False
        self._next: Callable[[], object] | None = None
        self._relay = _Relay()
        self._relay.done.connect(self._on_done)

    @property
    def is_busy(self) -> bool:
        """Whether a call runs now."""
        return self._running

    def ask(self, function: Callable[[], object]) -> None:
        """Call `function` off the main thread; its answer comes by signal."""
        self._generation += 1
        if self._running:
            self._next = function
            return
        self._start(function)

    def cancel(self) -> None:
        """Want no answer any more. A call that runs ends by itself, unheard."""
        self._generation += 1
        self._next = None

    def _start(self, function: Callable[[], object]) -> None:
        self._running = True
        self.busy_changed.emit(True)  # noqa: FBT003 - the signal's payload
        call = _Call(self._relay, self._generation, function)
        QThreadPool.globalInstance().start(call)

    @Slot(int, object, object)
    def _on_done(
        self, generation: int, answer: object, error: TunesmithError | None
    ) -> None:
        self._running = False
        if self._next is not None:
            waiting, self._next = self._next, None
            self._start(waiting)
            return
        self.busy_changed.emit(False)  # noqa: FBT003 - the signal's payload
        if generation != self._generation:
            return
        if error is not None:
            self.failed.emit(error)
        else:
            self.answered.emit(answer)
