"""Work of step 5: make the run off the main thread, and start its engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from app.qtwork.background import Background
from app.setup.ports import Ports
from app.setup.state import Failure
from core.errors import TunesmithError
from core.plan.plan import Plan
from core.runs.folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """How far the start is, or what stands in its way."""

    is_starting: bool = False
    failure: Failure | None = None
    held_by: str = ""
    """Who has the device in this window, such as “the chat”."""


class StartWork(QObject):
    """Owns `Starting`.

    Signals:
        changed (): the state is another.
        started (str): the run with this id has begun.
    """

    changed = Signal()
    started = Signal(str)

    def __init__(self, ports: Ports, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = Starting()
        self._ports = ports
        self._making = Background(self)
        self._making.answered.connect(self._on_made)
        self._making.failed.connect(self._on_failed)

    def start(
        self, plan: Plan, *, force: bool, exact: int | None, on_gpu: bool
    ) -> None:
        """Make a run of `plan` and start it, unless somebody here has the card.

        Args:
            plan: What to do, with its name.
            force: Start although the estimate says that it does not fit.
            exact: The tensors' peak in bytes as a dry run of `plan` found it.
            on_gpu: Whether it would train on a card, which has room for one.
        """
        holder = self._ports.device_holder()
        if holder and on_gpu:
            self._set(held_by=holder)
            return
        self._set(is_starting=True, failure=None, held_by="")
        self._making.ask(lambda: self._ports.new_run(plan, force, exact))

    def ask_device_back(self) -> None:
        """Ask whoever has the device to give it back."""
        self._ports.ask_device_back()

    def forget(self) -> None:
        """Leave what was said of the last try."""
        self._set(failure=None, held_by="")

    @Slot(object)
    def _on_made(self, folder: RunFolder) -> None:
        try:
            self._ports.start_run(folder)
        except OSError as err:
            failure = Failure(
                message=f"The engine could not be started: {err}.",
                hint="The run is kept; resume it on the Runs page.",
            )
            self._set(is_starting=False, failure=failure)
            return
        self._set(is_starting=False)
        self.started.emit(folder.run_id)

    @Slot(object)
    def _on_failed(self, err: TunesmithError) -> None:
        self._set(is_starting=False, failure=Failure.of(err))

    def _set(self, **changes: Any) -> None:
        state = replace(self.state, **changes)
        if state != self.state:
            self.state = state
            self.changed.emit()
