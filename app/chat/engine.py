"""The chat's engine as the window sees it: made, loaded, heard, let go."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, Signal, Slot

from app.chat.views import EngineState
from app.qtwork.chat_child import ChatChild, Start, start_chat
from app.qtwork.gpu_lease import GpuLease
from app.qtwork.process import TaskRunner
from core.chat.events import (
    ChatEvent,
    ChatFailed,
    ChatOrder,
    Load,
    Loading,
    Ready,
)
from core.errors import TunesmithError, WorkFailed

HOLDER: Final = "the chat"


class ChatEngine(QObject):
    """One child at a time; it holds the device's lease while it lives.

    Signals:
        changed (): `state` is another.
        heard (object): a `ChatEvent` about an answer.
        became_ready (): the base is in memory.
        lost (TunesmithError): the child is gone or could not load; none is running.
        made (): the starter model is on the disk now.
        arrived (): a batch of events has been heard.
    """

    changed = Signal()
    heard = Signal(object)
    became_ready = Signal()
    lost = Signal(object)
    made = Signal()
    arrived = Signal()

    def __init__(
        self,
        lease: GpuLease,
        *,
        start: Start = start_chat,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._lease = lease
        self._start = start
        self.state = EngineState()
        self._child: ChatChild | None = None
        self._leaving: list[ChatChild] = []
        self._making = TaskRunner(self)
        self._making.progressed.connect(self._on_making)
        self._making.succeeded.connect(self._on_made)
        self._making.failed.connect(self._on_make_failed)
        lease.wanted.connect(self._on_lease_wanted)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is loaded, being loaded or being made."""
        return self.state.phase in {"none", "dead"}

    def make_starter(self, home: Path) -> None:
        """Convert the starter model; `made` or `lost` follows."""
        if not self._making.is_busy:
            self._making.start("make_starter", {"home": str(home)})
            self._become(EngineState(phase="making", what="Starting"))

    def load(self, folder: Path, *, quantized: bool) -> None:
        """Start a child and let it load the base in `folder`."""
        self._let_go()
        if not self._lease.take(HOLDER):
            self._lease.ask_back()
        child = ChatChild(start=self._start, parent=self)
        child.arrived.connect(self._on_arrived)
        child.died.connect(self._on_died)
        child.finished.connect(self._on_child_gone)
        self._child = child
        child.send(Load(model_path=str(folder), quantized=quantized))
        child.start()
        self._become(EngineState(phase="loading", what="Starting the engine"))

    def send(self, order: ChatOrder) -> None:
        """Give the child an order, if there is one."""
        if self._child is not None:
            self._child.send(order)

    def unload(self) -> None:
        """End the child or the making, and free the device."""
        self._making.cancel()
        self._let_go()
        self._become(EngineState())

    def shut_down(self) -> None:
        """End everything and wait for it: for closing the window."""
        self._making.shut_down()
        self._let_go()
        for child in self._leaving:
            child.wait()

    def _become(self, state: EngineState) -> None:
        self.state = state
        self.changed.emit()

    def _let_go(self) -> None:
        if self._child is not None:
            # A running thread must be kept until it has finished: Qt aborts else.
            self._leaving.append(self._child)
            self._child.end()
            self._child = None
        self._lease.give_back(HOLDER)

    def _lose(self, error: TunesmithError) -> None:
        self._let_go()
        self._become(EngineState(phase="dead", problem=error.message, hint=error.hint))
        self.lost.emit(error)

    def _hear(self, event: ChatEvent) -> None:
        match event:
            case Loading():
                fraction = event.done / event.total if event.total else None
                self._become(
                    EngineState(phase="loading", what=event.what, fraction=fraction)
                )
            case Ready():
                self._become(
                    EngineState(
                        phase="ready",
                        device=event.device,
                        dtype=event.dtype,
                        memory=event.memory,
                    )
                )
                self.became_ready.emit()
            case ChatFailed(request=0):
                self._lose(WorkFailed(event.code, event.message, hint=event.hint))
            case _:
                self.heard.emit(event)

    @Slot()
    def _on_arrived(self) -> None:
        child = self._child
        if child is None or self.sender() is not child:
            return
        for event in child.take():
            if child is self._child:  # it may be lost in the midst of a batch
                self._hear(event)
        self.arrived.emit()

    @Slot(object)
    def _on_died(self, error: TunesmithError) -> None:
        if self._child is not None and self.sender() is self._child:
            self._lose(error)

    @Slot()
    def _on_child_gone(self) -> None:
        for child in [one for one in self._leaving if one.isFinished()]:
            self._leaving.remove(child)
            child.deleteLater()

    @Slot(object)
    def _on_making(self, event: dict[str, Any]) -> None:
        done, total = float(event.get("done", 0)), float(event.get("total", 0))
        fraction = done / total if total else None
        what = str(event.get("what", ""))
        self._become(EngineState(phase="making", what=what, fraction=fraction))

    @Slot(object)
    def _on_made(self, _result: object) -> None:
        self._become(EngineState())
        self.made.emit()

    @Slot(object)
    def _on_make_failed(self, error: TunesmithError) -> None:
        if error.code == "cancelled":
            self._become(EngineState())
        else:
            self._lose(error)

    @Slot(str)
    def _on_lease_wanted(self, holder: str) -> None:
        if holder == HOLDER:
            self._lose(
                WorkFailed(
                    "chat.lease",
                    "The model was unloaded to make room for a training.",
                    hint="The conversation stays; load again when it is done.",
                )
            )
