"""The chat's child process, heard by a thread: orders go in, events come out."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from PySide6.QtCore import QObject, QThread, Signal

from app.qtwork.background import as_error
from core.chat.events import ChatEvent, ChatOrder, Quit, decode_event, encode_order
from core.errors import TunesmithError, WorkFailed
from core.launch import JsonLines

_LAST_WORDS = 300


class Pipe(Protocol):
    """A child behind a pipe; `core.launch.JsonLines` is one."""

    def send(self, line: str) -> None: ...
    def hang_up(self) -> None: ...
    def lines(self) -> Iterator[str]: ...
    def kill(self) -> None: ...
    @property
    def exit_status(self) -> int | None: ...
    @property
    def noise(self) -> str: ...


Start = Callable[[], Pipe]


def start_chat() -> Pipe:
    """Start a chat worker."""
    return JsonLines(["chat"])


class ChatChild(QThread):
    """One chat worker, from its start to its end; not to be started twice.

    Events wait in a queue; `arrived` is sent once for as many as come before `take`,
    so a fast answer does not flood the window's event loop.

    Signals:
        arrived (): events wait; call `take`.
        died (TunesmithError): the worker ended although nobody asked it to.
    """

    arrived = Signal()
    died = Signal(object)

    def __init__(
        self, *, start: Start = start_chat, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._start = start
        self._lock = threading.Lock()
        self._child: Pipe | None = None
        self._unsent: list[str] = []
        self._heard: deque[ChatEvent] = deque()
        self._is_told = False
        self._is_ending = False

    def send(self, order: ChatOrder) -> None:
        """Give an order; one given before the worker is up waits for it."""
        line = encode_order(order)
        with self._lock:
            child = self._child
            if child is None:
                self._unsent.append(line)
        if child is not None:
            child.send(line)

    def take(self) -> list[ChatEvent]:
        """Return the events that came since the last call."""
        with self._lock:
            self._is_told = False
            events = list(self._heard)
            self._heard.clear()
        return events

    def end(self) -> None:
        """End the worker at once; `finished` follows."""
        with self._lock:
            self._is_ending = True
            child = self._child
        if child is not None:
            child.send(encode_order(Quit()))
            child.kill()

    def run(self) -> None:
        error: TunesmithError | None = None
        try:
            child = self._start()
            self._adopt(child)
            for line in child.lines():
                self._hear(line)
            child.hang_up()
            if not self._is_ending:
                error = _told_end(child)
        except Exception as err:  # noqa: BLE001 - thread boundary: tell, never vanish
            error = as_error(err)
        if error is not None and not self._is_ending:
            self.died.emit(error)

    def _adopt(self, child: Pipe) -> None:
        with self._lock:
            self._child = child
            waiting, self._unsent = self._unsent, []
            is_ending = self._is_ending
        for line in waiting:
            child.send(line)
        if is_ending:
            child.kill()

    def _hear(self, line: str) -> None:
        event = decode_event(line)
        if event is None:
            return
        with self._lock:
            self._heard.append(event)
            is_told, self._is_told = self._is_told, True
        if not is_told:
            self.arrived.emit()


def _told_end(child: Pipe) -> TunesmithError:
    words = [line.strip() for line in child.noise.splitlines() if line.strip()]
    last = f" Its last words were: {words[-1][:_LAST_WORDS]}" if words else ""
    if child.exit_status == -9:
        return WorkFailed(
            "chat.killed",
            "The chat's engine was killed, most likely for want of memory.",
            hint="Close other programs or pick a smaller model, then load it again.",
        )
    return WorkFailed(
        "chat.died",
        f"The chat's engine ended unexpectedly (status {child.exit_status}).",
        hint=f"Load the model again; the conversation stays.{last}",
    )
