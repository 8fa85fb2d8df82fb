"""The list of runs, found again at every start, and the comparison of several."""

from __future__ import annotations

import time
from typing import Final, cast

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.qtwork.background import Background
from app.qtwork.in_order import InOrder
from app.qtwork.navigator import Navigator
from app.training.comparison import ComparedRun, Measure, present_comparison
from app.training.history import History, RunSummary, TrashedRun, TrashReader
from app.training.overview import present_runs
from app.training.run_viewmodel import Launcher, RunViewModel
from app.training.series import RunTracker
from core.places import Places
from core.runs.folder import RunFolder
from core.runs.tail import read_events
from core.runs.trash import empty_trash, restore_run, trashed_runs
from core.units import bytes_text

_LOOK_MS: Final = 1000


class RunsViewModel(QObject):
    """What the Runs page shows: the list, the comparison, and the run that is open.

    Signals:
        changed (RunsView): the list is to be painted.
        compared (CompareView): the comparison is to be painted.
        run_wanted (str): somebody asked for this run; show it.
        failed (TunesmithError): the runs cannot be read.
    """

    changed = Signal(object)
    compared = Signal(object)
    run_wanted = Signal(str)
    failed = Signal(object)

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
        self._history = History(places.runs, places.cache / "runs-page.json")
        self._summaries: tuple[RunSummary, ...] | None = None
        self._query = ""
        self._selected: tuple[str, ...] = ()
        self._compared: tuple[ComparedRun, ...] = ()
        self._measure: Measure = "eval_loss"
        self.run = RunViewModel(places, navigator, launcher, self)
        self.run.history_changed.connect(self.refresh)
        self._reading = Background(self)
        self._reading.answered.connect(self._on_read)
        self._reading.failed.connect(self.failed)
        self._comparing = Background(self)
        self._comparing.answered.connect(self._on_compared)
        self._comparing.failed.connect(self.failed)
        self._trash_reader = TrashReader(places)
        self._trash: tuple[TrashedRun, ...] = ()
        self._emptying = InOrder(self)
        self._emptying.answered.connect(self._on_trash_changed)
        self._emptying.failed.connect(self.failed)
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._on_timer)

    def watch(self, wanted: bool) -> None:  # noqa: FBT001 - a setter
        """Read the list once a second while somebody looks at it."""
        if wanted:
            self.refresh()
            self._timer.start()
        else:
            self._timer.stop()

    @Slot()
    def refresh(self) -> None:
        """Read what changed, now or right after the reading that goes on."""
        history, trash = self._history, self._trash_reader
        self._reading.ask(lambda: (history.read(), trash.read()))

    def search(self, query: str) -> None:
        """Show the runs that fit `query`."""
        self._query = query
        self.publish()

    def select(self, run_ids: tuple[str, ...]) -> None:
        """Remember which runs are selected."""
        if run_ids != self._selected:
            self._selected = run_ids
            self.publish()

    def show_run(self, run_id: str) -> None:
        """Show one run, whoever asks."""
        self.run.open(run_id)
        self.run_wanted.emit(run_id)

    def start_new(self) -> None:
        """Go to the Train page."""
        self._navigator.open("train")

    def restore(self, run_id: str) -> None:
        """Bring a run back from the trash."""
        places = self._places

        def bring() -> object:
            for run in trashed_runs(places):
                if run.run_id == run_id:
                    restore_run(places, run)
            return None

        self._emptying.ask(bring)

    def empty_trash(self) -> None:
        """Delete for good what is in the trash."""
        places = self._places
        self._emptying.ask(lambda: empty_trash(places))

    def compare(self) -> None:
        """Read the selected runs whole and compare them."""
        by_id = {summary.run_id: summary for summary in self._summaries or ()}
        chosen = [by_id[run_id] for run_id in self._selected if run_id in by_id]
        if len(chosen) < 2:
            return
        runs = self._places.runs
        self._comparing.ask(
            lambda: tuple(
                ComparedRun(
                    summary=summary,
                    curves=RunTracker()
                    .digest(read_events(RunFolder(runs / summary.run_id).events_file))
                    .curves,
                )
                for summary in chosen
            )
        )

    def measure(self, measure: Measure) -> None:
        """Compare by something else."""
        self._measure = measure
        self._publish_comparison()

    def shut_down(self) -> None:
        """End every thread: for closing the window."""
        self._timer.stop()
        self._reading.cancel()
        self._comparing.cancel()
        self.run.shut_down()

    def publish(self) -> None:
        """Tell what there is to paint, now."""
        view = present_runs(
            self._summaries,
            query=self._query,
            selected=self._selected,
            now=time.time(),
            trash=self._trash,
        )
        self.changed.emit(view)

    @Slot()
    def _on_timer(self) -> None:
        # A newer question would drop the answer of a reading that takes over a second.
        if not self._reading.is_busy:
            self.refresh()

    @Slot(object)
    def _on_read(self, answer: object) -> None:
        found = cast("tuple[tuple[RunSummary, ...], tuple[TrashedRun, ...]]", answer)
        if found != (self._summaries, self._trash):
            self._summaries, self._trash = found
            self.publish()

    @Slot(object)
    def _on_trash_changed(self, answer: object) -> None:
        if isinstance(answer, int):
            self._navigator.toast(f"{bytes_text(answer)} freed.")
        self.refresh()

    @Slot(object)
    def _on_compared(self, answer: object) -> None:
        self._compared = cast("tuple[ComparedRun, ...]", answer)
        self._publish_comparison()

    def _publish_comparison(self) -> None:
        if self._compared:
            view = present_comparison(self._compared, measure=self._measure)
            self.compared.emit(view)
