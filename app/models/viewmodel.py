"""The Models page's view-model: the list shared with Train, plus what one deletes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.models.present import ModelsState, ModelsView, present
from app.qtwork.background import Background
from app.qtwork.navigator import Navigator
from app.setup.model_work import ModelWork
from app.setup.ports import Outcomes, Ports
from app.setup.state import Failure, ModelState, Shown
from core.errors import TunesmithError
from core.hardware.budget import DeviceBudget
from core.models.facts import ModelFacts
from core.models.trash import TrashedModel
from core.plan.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class TrashPorts:
    """How models are deleted and brought back."""

    can_delete: Callable[[ModelFacts], bool]
    delete: Callable[[ModelFacts], TrashedModel]
    restore: Callable[[TrashedModel], None]


class ModelsViewModel(QObject):
    """Owns the page's state.

    Signals:
        changed (ModelsView): what the page shows now.
    """

    changed = Signal(object)

    def __init__(
        self,
        ports: Ports,
        trash: TrashPorts,
        navigator: Navigator,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._ports = ports
        self._trash = trash
        self._navigator = navigator
        self._has_greeted = False
        self._failure: Failure | None = None
        self._free_disk: int | None = None
        self._budget: DeviceBudget | None = None
        self._outcomes: Outcomes = ()
        self.models = ModelWork(ports, self)
        self.models.changed.connect(self._on_list_changed)
        self.models.added.connect(self.models.resolve)
        self._measuring = Background(self)
        self._measuring.answered.connect(self._on_measured)
        self._deleting = Background(self)
        self._deleting.answered.connect(self._on_deleted)
        self._deleting.failed.connect(self._on_failed)
        self._restoring = Background(self)
        self._restoring.answered.connect(self._on_restored)
        self._restoring.failed.connect(self._on_failed)

    @property
    def view(self) -> ModelsView:
        """What the page shows now."""
        return present(self._state())

    def _state(self) -> ModelsState:
        models = self.models.state
        if self._failure is not None:
            models = replace(models, failure=self._failure)
        chosen = models.chosen
        return ModelsState(
            models=models,
            is_offline=self._ports.is_offline(),
            free_disk=self._free_disk,
            can_delete=chosen is not None and self._trash.can_delete(chosen),
        )

    @Slot()
    def wake(self) -> None:
        """Look for models and measure the machine; called when the page is shown."""
        self.models.refresh()
        self._measuring.ask(self._measure)

    def show_only(self, shown: str) -> None:
        """Show all models, those here, or those to download."""
        kinds: dict[str, Shown] = {"all": "all", "here": "here", "download": "download"}
        self.models.show_only(kinds[shown])

    def search(self, query: str) -> None:
        """Show only what matches `query`."""
        self.models.search(query)

    def choose(self, model_id: str) -> None:
        """Show the details of this model; also of a Hub id nobody listed yet."""
        self._failure = None
        self.models.resolve(model_id)

    def add_folder(self, folder: Path) -> None:
        """Remember a folder that holds a model."""
        self._failure = None
        self.models.add_folder(folder)

    def train(self) -> None:
        """Start a new run with the chosen model."""
        chosen = self.models.state.chosen
        if chosen is not None:
            self._navigator.open("train", chosen.id)

    def open_settings(self) -> None:
        """Go to where the token and the offline switch are."""
        self._navigator.open("settings", "hub")

    def delete(self) -> None:
        """Move the chosen model to the trash, or forget it."""
        chosen = self.models.state.chosen
        if chosen is not None:
            self._failure = None
            self._deleting.ask(lambda: self._trash.delete(chosen))

    def shut_down(self) -> None:
        """End every child that runs."""
        self.models.shut_down()

    def _measure(self) -> tuple[DeviceBudget, int, Outcomes]:
        budget = self._ports.device_budget(None, None)
        return budget, self._ports.free_disk(), self._ports.outcomes()

    @Slot(object)
    def _on_measured(self, found: tuple[DeviceBudget, int, Outcomes]) -> None:
        self._budget, self._free_disk, self._outcomes = found
        self._price()
        self._publish()

    @Slot()
    def _on_list_changed(self) -> None:
        listed = self.models.state.listed
        if listed and not self._has_greeted:
            self._has_greeted = True
            if self.models.state.chosen is None:
                self.models.resolve(listed[0].id)
        self._price()
        self._publish()

    def _price(self) -> None:
        self.models.price(Plan(), self._budget, self._outcomes)

    @Slot(object)
    def _on_deleted(self, gone: TrashedModel) -> None:
        self.models.resolve("")
        self.wake()
        what = "forgotten" if gone.kept is None else "moved to the trash"
        self._navigator.toast(
            f"{gone.name} was {what}.", action="Undo", run=lambda: self._undo(gone)
        )

    def _undo(self, gone: TrashedModel) -> None:
        self._restoring.ask(lambda: self._trash.restore(gone))

    @Slot(object)
    def _on_restored(self, _nothing: object) -> None:
        self.wake()

    @Slot(object)
    def _on_failed(self, err: TunesmithError) -> None:
        self._failure = Failure.of(err)
        self._publish()

    @property
    def state(self) -> ModelState:
        """The list as it is."""
        return self.models.state

    def _publish(self) -> None:
        self.changed.emit(self.view)
