"""One run: followed by a supervising thread, steered through its folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol, cast

from PySide6.QtCore import QElapsedTimer, QObject, QTimer, Signal, Slot

from app.qtwork.background import Background
from app.qtwork.in_order import InOrder
from app.qtwork.navigator import Navigator
from app.qtwork.supervisor import RunSupervisor
from app.training.log_reader import LogReader
from app.training.present import RunFacts, RunView, present
from app.training.series import RunTracker, Snapshot
from core.errors import TunesmithError, WorkFailed
from core.places import Places
from core.plan.plan import Plan
from core.runs.compared import Compared, compared_run, planned_memory
from core.runs.folder import Order, RunFolder, RunStatus, Status, find_run
from core.runs.state import RunState
from core.runs.trash import delete_run, restore_run

_PAINT_MS: Final = 66  # a person sees no more than 15 pictures a second
_LOG_MS: Final = 1000
_START_LOOK_MS: Final = 250
_START_MS: Final = 20_000


class Launcher(Protocol):
    """Starts engines in sessions of their own."""

    def start(self, run: RunFolder, *, resume: bool = False) -> None:
        """Start the engine on `run` and return at once; raises `OSError`."""
        ...


class RunViewModel(QObject):
    """The run that is open.

    Signals:
        changed (RunView): the page is to be painted; at most 15 times a second.
        log_grew (str): what was written to the engine's log since.
        failed (TunesmithError): an order could not be given, or the folder not read.
        left (): there is no run to show any more; back to the list.
        history_changed (): a run was started, deleted or brought back.
    """

    changed = Signal(object)
    log_grew = Signal(str)
    failed = Signal(object)
    left = Signal()
    history_changed = Signal()

    def __init__(
        self,
        places: Places,
        navigator: Navigator,
        launcher: Launcher,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._places = places
        self._navigator = navigator
        self._launcher = launcher
        self._folder: RunFolder | None = None
        self._facts: RunFacts | None = None
        self._snapshot: Snapshot | None = None
        self._supervisor: RunSupervisor | None = None
        self._leaving: list[RunSupervisor] = []
        self._rested_as: RunStatus | None = None
        self._order_when_training: tuple[Order, float] | None = None
        self._since_start = QElapsedTimer()
        self._log = LogReader()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAINT_MS)
        self._timer.timeout.connect(self.publish)
        # A resumed engine needs seconds before it writes its first word.
        self._start_timer = QTimer(self)
        self._start_timer.setInterval(_START_LOOK_MS)
        self._start_timer.timeout.connect(self._look)
        self._log_timer = QTimer(self)
        self._log_timer.setInterval(_LOG_MS)
        self._log_timer.timeout.connect(self._read_log)
        self._opening = self._asking(self._on_opened)
        self._ordering = InOrder(self)
        self._ordering.answered.connect(self._on_ordered)
        self._ordering.failed.connect(self._on_failed)
        self._logging = self._asking(self._on_log)

    # -- what the page asks for -------------------------------------------------

    @property
    def run_id(self) -> str:
        """The run that is open, or ""."""
        return self._folder.run_id if self._folder else ""

    @property
    def folder(self) -> Path | None:
        """The folder of the run that is open."""
        return self._folder.path if self._folder else None

    def open(self, run_id: str) -> None:
        """Show run `run_id` from now on."""
        if self._folder is not None and self._folder.run_id == run_id:
            self.publish()
            return
        self.close()
        runs = self._places.runs
        self._opening.ask(lambda: _read_run(find_run(runs, run_id)))

    def close(self) -> None:
        """Follow no run any more."""
        self._opening.cancel()
        self._logging.cancel()
        self._log_timer.stop()
        self._start_timer.stop()
        self._timer.stop()
        self._rested_as = None
        self._order_when_training = None
        if self._supervisor is not None:
            self._leaving.append(self._supervisor)
            self._supervisor.request_end()
            self._supervisor = None
        self._folder = self._facts = self._snapshot = None

    def shut_down(self) -> None:
        """End every thread and wait for it: for closing the window."""
        self.close()
        for supervisor in self._leaving:
            supervisor.wait()

    def watch_log(self, wanted: bool) -> None:  # noqa: FBT001 - a setter
        """Read the log once a second, or leave it."""
        if wanted and self._folder is not None:
            self._log_timer.start()
            self._read_log()
        else:
            self._log_timer.stop()

    def pause(self) -> None:
        """Save, free the device, keep everything."""
        self._order("pause")

    def save(self) -> None:
        """Write a checkpoint now."""
        self._order("save")

    def stop(self) -> None:
        """End the run and keep the adapter as it is."""
        self._end_with("stop")

    def discard(self) -> None:
        """End the run and keep nothing but curve, log and plan."""
        self._end_with("discard")

    def resume(self) -> None:
        """Go on from the last checkpoint."""
        self._start_again(None)

    def delete(self) -> None:
        """Move the run to the trash, with a way back."""
        folder, places = self._folder, self._places
        if folder is None:
            return
        # The follower must be gone first: Windows moves no folder with open files.
        self.close()
        for supervisor in self._leaving:
            supervisor.wait()

        def move() -> object:
            moved = delete_run(places, folder)
            return lambda: self._on_deleted(moved)

        self._ordering.ask(move)

    def try_in_chat(self) -> None:
        """Talk to the adapter this run made."""
        view = self._view()
        if view is not None and view.adapter_id:
            self._navigator.open("chat", view.adapter_id)

    def use_plan(self, plan: Plan | None = None) -> None:
        """Open the Train page with this run's plan, or with a mended one."""
        if self._facts is not None:
            self._navigator.open("train", plan or self._facts.plan)

    @Slot()
    def publish(self) -> None:
        """Tell what there is to paint, now."""
        self._timer.stop()
        view = self._view()
        if view is not None:
            self.changed.emit(view)

    # -- what comes back --------------------------------------------------------

    def _asking(self, answered: Callable[[object], None]) -> Background:
        background = Background(self)
        background.answered.connect(answered)
        background.failed.connect(self._on_failed)
        return background

    def _view(self) -> RunView | None:
        if self._facts is None:
            return None
        return present(self._facts, self._snapshot, now=time.time())

    def _schedule(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    @Slot(object)
    def _on_opened(self, answer: object) -> None:
        folder, facts = cast("tuple[RunFolder, RunFacts]", answer)
        self._folder, self._facts, self._snapshot = folder, facts, None
        self._log = LogReader(folder.log_file)
        supervisor = RunSupervisor(folder, RunTracker().digest, self)
        supervisor.published.connect(self._on_published)
        supervisor.status_changed.connect(self._on_status)
        supervisor.failed.connect(self._on_failed)
        supervisor.finished.connect(self._on_supervisor_gone)
        self._supervisor = supervisor
        supervisor.start()
        if facts.status == "queued":
            self._start_timer.start()
        self.publish()

    @Slot(object)
    def _on_published(self, snapshot: Snapshot) -> None:
        if self.sender() is self._supervisor:
            self._snapshot = snapshot
            self._give_waiting_order(snapshot.state)
            self._schedule()

    def _give_waiting_order(self, state: RunState) -> None:
        if self._order_when_training is None:
            return
        order, since = self._order_when_training
        # a resumed engine begins with another phase, so this "train" is its own
        if state.phase == "train" and (state.last or 0.0) >= since:
            self._order_when_training = None
            self._order(order)

    @Slot(object)
    def _on_status(self, status: Status) -> None:
        if self.sender() is not self._supervisor or self._facts is None:
            return
        was_live = self._facts.status in {"running", "queued"}
        self._take_status(status)
        if was_live != (status.status in {"running", "queued"}):
            self.history_changed.emit()

    def _take_status(self, status: Status) -> None:
        if self._facts is None or self._folder is None:
            return
        self._facts = replace(
            self._facts,
            status=self._status_now(status.status),
            ordered=self._folder.ordered(),
            compared=_compared(self._folder, status.status),
        )
        if self._facts.status == "queued":
            self._start_timer.start()
        elif self._rested_as is None:
            self._start_timer.stop()
        self._schedule()

    def _status_now(self, written: RunStatus) -> RunStatus:
        """Return ``queued`` while a resumed engine has started and said nothing."""
        if self._rested_as is None:
            return written
        if written == self._rested_as and self._since_start.elapsed() < _START_MS:
            return "queued"
        self._rested_as = None
        self._start_timer.stop()
        return written

    @Slot()
    def _on_supervisor_gone(self) -> None:
        gone = [one for one in self._leaving if one.isFinished()]
        for supervisor in gone:
            self._leaving.remove(supervisor)
            supervisor.deleteLater()

    @Slot(object)
    def _on_failed(self, error: TunesmithError) -> None:
        self._rested_as = None
        self.failed.emit(error)
        if self._folder is None:
            self.left.emit()

    def _order(self, order: Order) -> None:
        folder = self._folder
        if folder is None:
            return

        def give() -> object:
            folder.order(order)
            return self._look

        self._ordering.ask(give)

    def _end_with(self, order: Order) -> None:
        """Give the order; a run that rests is woken for it, to save its adapter."""
        if self._facts is not None and self._facts.status in {"running", "queued"}:
            self._order(order)
        else:
            self._start_again(order)

    def _start_again(self, order: Order | None) -> None:
        folder, facts = self._folder, self._facts
        if folder is None or facts is None or self._rested_as is not None:
            return
        self._rested_as = facts.status
        self._since_start.start()
        try:
            # An engine that is told to stop before it has loaded leaves at once,
            # without an adapter: so "stop" waits until it trains.
            if order == "stop":
                self._order_when_training = (order, time.time())
            self._launcher.start(folder, resume=True)
            if order == "discard":
                folder.order(order)
        except OSError as err:
            self._on_failed(
                WorkFailed(
                    "run.start",
                    f"The engine could not be started: {err.strerror or err}.",
                    hint="Free some memory and disk, then try again.",
                )
            )
            return
        self._start_timer.start()
        self._look()
        self.history_changed.emit()

    @Slot(object)
    def _on_ordered(self, answer: object) -> None:
        cast("Callable[[], None]", answer)()

    @Slot()
    def _look(self) -> None:
        if self._supervisor is not None and self._folder is not None:
            self._supervisor.look_now()
            self._take_status(self._folder.status())

    def _on_deleted(self, moved: RunFolder) -> None:
        self.history_changed.emit()
        self.left.emit()
        places = self._places

        def bring_back() -> None:
            self._ordering.ask(lambda: (restore_run(places, moved), self._told)[1])

        self._navigator.toast("Run moved to the trash.", action="Undo", run=bring_back)

    def _told(self) -> None:
        self.history_changed.emit()

    @Slot()
    def _read_log(self) -> None:
        if not self._logging.is_busy:
            self._logging.ask(self._log.read)

    @Slot(object)
    def _on_log(self, text: object) -> None:
        if text:
            self.log_grew.emit(str(text))


def _compared(folder: RunFolder, status: RunStatus) -> Compared | None:
    """Return what a run that rests came to; a live one may still take more."""
    return None if status in {"running", "queued"} else compared_run(folder)


def _read_run(folder: RunFolder) -> tuple[RunFolder, RunFacts]:
    facts = folder.facts()
    created, status = facts.get("created"), folder.status().status
    return folder, RunFacts(
        run_id=folder.run_id,
        plan=folder.plan(),
        status=status,
        created=float(created) if isinstance(created, (int, float)) else 0.0,
        predicted_memory=planned_memory(facts),
        compared=_compared(folder, status),
        device=_device_name(facts.get("device")),
        ordered=folder.ordered(),
    )


def _device_name(device: object) -> str:
    if isinstance(device, dict):
        return str(cast("dict[str, Any]", device).get("name", ""))
    return device if isinstance(device, str) else ""
