"""Home's view-model: hears the pulse, reads the library, starts the first training."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from PySide6.QtCore import QObject, Signal, Slot

from app.glance import DeviceGlance
from app.home.present import DemoWork, HomeState, HomeView, present
from app.qtwork.background import Background
from app.qtwork.navigator import Navigator
from app.qtwork.process import TaskRunner
from app.qtwork.pulse import Pulse
from app.services import RunGlance
from core.errors import TunesmithError
from core.hardware.doctor import DoctorProblem
from core.library.record import AdapterRecord
from core.runs.folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePorts:
    """The functions of `core` Home needs, bound to one place on disk."""

    list_adapters: Callable[[], tuple[AdapterRecord, ...]]
    examine: Callable[[], tuple[DoctorProblem, ...]]
    has_starter: Callable[[], bool]
    make_demo_run: Callable[[], RunFolder]
    start_run: Callable[[RunFolder], None]
    starter_request: Mapping[str, Any]


class HomeViewModel(QObject):
    """Owns `HomeState`.

    Signals:
        changed (HomeView): what Home shows now.
    """

    changed = Signal(object)

    def __init__(
        self,
        ports: HomePorts,
        pulse: Pulse,
        navigator: Navigator,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._ports = ports
        self._pulse = pulse
        self._navigator = navigator
        self._state = HomeState(now=time.time())
        self._finished: frozenset[str] = frozenset()
        self._listing = Background(self)
        self._listing.answered.connect(self._on_adapters)
        self._listing.failed.connect(self._on_failed)
        self._examining = Background(self)
        self._examining.answered.connect(self._on_examined)
        self._checking = Background(self)
        self._checking.answered.connect(self._on_checked)
        self._checking.failed.connect(self._on_failed)
        self._unpacking = TaskRunner(self)
        self._unpacking.progressed.connect(self._on_progressed)
        self._unpacking.succeeded.connect(self._on_unpacked)
        self._unpacking.failed.connect(self._on_failed)
        self._making = Background(self)
        self._making.answered.connect(self._on_made)
        self._making.failed.connect(self._on_failed)
        pulse.runs_changed.connect(self._on_runs)
        pulse.device_changed.connect(self._on_device)

    @property
    def view(self) -> HomeView:
        """What Home shows now."""
        return present(self._state)

    @Slot()
    def wake(self) -> None:
        """Look at the library and the machine; called when the page is shown."""
        runs, device = self._pulse.runs, self._pulse.device
        if isinstance(runs, tuple):
            self._on_runs(cast("tuple[RunGlance, ...]", runs))
        if isinstance(device, DeviceGlance):
            self._on_device(device)
        self._listing.ask(self._ports.list_adapters)
        self._examining.ask(self._ports.examine)

    @Slot()
    def start_demo(self) -> None:
        """Train the first adapter: starter model, starter data, a few minutes."""
        if self._state.demo is not None:
            return
        self._set(demo=DemoWork(what="Looking for the starter model"), failure=None)
        self._checking.ask(self._ports.has_starter)

    @Slot()
    def cancel_demo(self) -> None:
        """End the preparation; nothing half-made is left."""
        self._checking.cancel()
        self._making.cancel()
        self._unpacking.cancel()
        if not self._unpacking.is_busy:
            self._set(demo=None)

    def open(self, page: str, argument: str | None = None) -> None:
        """Go to another page."""
        self._navigator.open(page, argument)

    def shut_down(self) -> None:
        """End the child that unpacks, if it does: the window is closing."""
        self._unpacking.shut_down()

    @Slot(object)
    def _on_runs(self, runs: tuple[RunGlance, ...]) -> None:
        finished = frozenset(run.run_id for run in runs if run.status == "done")
        if finished != self._finished:
            self._finished = finished
            self._listing.ask(self._ports.list_adapters)  # there is one more by now
        self._set(runs=runs)

    @Slot(object)
    def _on_device(self, device: DeviceGlance) -> None:
        self._set(device=device)

    @Slot(object)
    def _on_adapters(self, adapters: tuple[AdapterRecord, ...]) -> None:
        self._set(adapters=adapters)

    @Slot(object)
    def _on_examined(self, problems: tuple[DoctorProblem, ...]) -> None:
        self._set(problems=problems)

    @Slot(object)
    def _on_checked(self, has_starter: bool) -> None:  # noqa: FBT001 - a signal's payload
        if has_starter:
            self._make()
            return
        self._set(demo=DemoWork(what="Unpacking the starter model"))
        self._unpacking.start("make_starter", self._ports.starter_request)

    @Slot(object)
    def _on_progressed(self, event: Mapping[str, Any]) -> None:
        if self._state.demo is not None:
            work = DemoWork(
                what="Unpacking the starter model",
                done=float(event.get("done") or 0),
                total=float(event.get("total") or 0),
            )
            self._set(demo=work)

    @Slot(object)
    def _on_unpacked(self, _result: object) -> None:
        self._make()

    def _make(self) -> None:
        self._set(demo=DemoWork(what="Preparing the training"))
        self._making.ask(self._ports.make_demo_run)

    @Slot(object)
    def _on_made(self, run: RunFolder) -> None:
        try:
            self._ports.start_run(run)
        except OSError as err:
            self._set(failure=_not_started(err), demo=None)
            return
        self._set(demo=None)
        self._navigator.open("runs", run.run_id)

    @Slot(object)
    def _on_failed(self, err: TunesmithError) -> None:
        if err.code == "cancelled":
            self._set(demo=None)
        else:
            self._set(demo=None, failure=err, adapters=self._state.adapters or ())

    def _set(self, **changes: Any) -> None:
        state = replace(self._state, **changes)
        if state != self._state:
            self._state = replace(state, now=time.time())
            self.changed.emit(self.view)


def _not_started(err: OSError) -> TunesmithError:
    from core.errors import WorkFailed

    return WorkFailed(
        "worker.not_started",
        f"The training could not be started: {err.strerror or err}.",
        hint="Close other programs and try again; the doctor may know more.",
    )
