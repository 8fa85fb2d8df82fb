"""The Train page's view-model: edits come in, one frozen view goes out.

The draft is a frozen `Plan`; every edit makes another one, so undo is a stack and the
page can never show half an edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from app.qtwork.navigator import Navigator
from app.setup.data_work import DataWork
from app.setup.draft import load_draft
from app.setup.draft_work import DraftWork
from app.setup.fit_work import Asked, FitWork
from app.setup.history import History
from app.setup.model_work import ModelWork
from app.setup.ports import Ports
from app.setup.present import SetupView, present
from app.setup.presets import PRESETS
from app.setup.start_work import StartWork
from app.setup.state import Saved, SetupState, Shown, Step
from app.setup.time_view import longest_row_tokens, row_tokens
from core.errors import TunesmithError
from core.plan.codec import parse_value
from core.plan.fields import BY_KEY, with_value
from core.plan.plan import DataChoice, MethodKind, ModelChoice, Plan


class SetupViewModel(QObject):
    """Owns the draft and the three kinds of work around it.

    Signals:
        changed (SetupView): what the page shows now.
    """

    changed = Signal(object)

    def __init__(
        self, ports: Ports, navigator: Navigator, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._ports = ports
        self._navigator = navigator
        plan, notice = load_draft(ports.places)
        self._history = History(now=plan)
        self._own = SetupState(plan=plan, notice=notice)
        self._models = ModelWork(ports, self)
        self._models.changed.connect(self._publish)
        self._models.resolved.connect(self._on_resolved)
        self._models.added.connect(self.choose_model)
        self._data = DataWork(ports.columns_of, self)
        self._data.changed.connect(self._on_data_changed)
        self._fit = FitWork(ports, self)
        self._fit.changed.connect(self._publish)
        self._fit.measured.connect(self._on_measured)
        self._starting = StartWork(ports, self)
        self._starting.changed.connect(self._publish)
        self._starting.started.connect(self._on_started)
        self._drafts = DraftWork(ports.places, self)
        self._drafts.opened.connect(self._on_opened)
        self._drafts.written.connect(self._on_written)
        self._drafts.failed.connect(self._on_file_failed)
        self._drafts.unsaved.connect(self._on_unsaved)
        self._written = plan
        self._last: tuple[SetupState, SetupView] | None = None
        self._running = ports.running()
        self._is_awake = False
        self._is_editing = False

    # -- what stands -----------------------------------------------------------

    @property
    def plan(self) -> Plan:
        """The draft."""
        return self._history.now

    @property
    def fit(self) -> FitWork:
        """What step 4 asks for that changes nothing in the draft."""
        return self._fit

    def tell(self, text: str) -> None:
        """Say a short word at the window's foot."""
        self._navigator.toast(text)

    def open_what_fits(self) -> None:
        """Show the page that compares models, lengths and batches, for this draft."""
        self._navigator.open("fits", self.plan)

    @property
    def state(self) -> SetupState:
        """Everything known now, as one value."""
        return replace(
            self._own,
            plan=self.plan,
            can_undo=self._history.can_undo,
            can_redo=self._history.can_redo,
            is_offline=self._ports.is_offline(),
            running=self._ports.running(),
            is_starting=self._starting.state.is_starting,
            start_failure=self._starting.state.failure,
            held_by=self._starting.state.held_by,
            models=self._models.state,
            data=self._data.state,
            fit=self._fit.state,
        )

    @property
    def view(self) -> SetupView:
        """What the page shows now."""
        state = self.state
        self._last = state, present(state, self._last)
        return self._last[1]

    def wake(self) -> None:
        """Look at models, device and files; called when the page is shown."""
        self._models.refresh()
        self._fit.measure()
        self._fit.look_back()
        if not self._is_awake:
            self._is_awake = True
            self._models.resolve(self.plan.model.id)
        self._follow_data()
        self._publish()

    def shut_down(self) -> None:
        """Save the draft and end every child: the window is closing."""
        self._models.shut_down()
        self._data.shut_down()
        self._fit.shut_down()
        self._drafts.save_now(self.plan)

    # -- edits -----------------------------------------------------------------

    @Slot(str)
    def choose_model(self, model_id: str) -> None:
        """Take another base model; the starter is unpacked at once where it is new."""
        self._edit(replace(self.plan, model=ModelChoice(id=model_id.strip())))

    def set_value(self, key: str, value: Any) -> None:
        """Set one plan key to a value of its type."""
        plan = with_value(self.plan, key, value)
        self._take(self._history.edited(plan, merges=True))

    def type_value(self, key: str, text: str) -> str:
        """Set one plan key to what a person typed; return what is wrong with it."""
        try:
            value = parse_value(BY_KEY[key], text)
        except TunesmithError as err:
            return err.message
        self.set_value(key, value)
        return ""

    def reset(self, key: str) -> None:
        """Set one plan key back to its default."""
        self._edit(with_value(self.plan, key, BY_KEY[key].default))

    def choose_method(self, kind: MethodKind) -> None:
        """Train by `kind`, keeping every other setting."""
        self.set_value("method.kind", kind)

    def choose_preset(self, key: str) -> None:
        """Set the values of a preset."""
        preset = next(preset for preset in PRESETS if preset.key == key)
        self._edit(preset.applied(self.plan))

    def add_files(self, paths: Sequence[Path]) -> None:
        """Learn from `paths` too; one that is there already is not added twice."""
        files = dict.fromkeys([*self.plan.data.files, *(str(path) for path in paths)])
        self._change_data(files=tuple(files), columns={})

    def use_starter_data(self) -> None:
        """Learn from the data that comes with Tunesmith, and nothing else."""
        starter = str(self._ports.starter_data())
        self._edit(replace(self.plan, data=DataChoice(files=(starter,))))

    def remove_file(self, path: str) -> None:
        """Learn from `path` no more."""
        files = tuple(name for name in self.plan.data.files if name != path)
        told = self.plan.data.format if files else "auto"
        self._change_data(files=files, format=told, columns={})

    def map_column(self, role: str, column: str) -> None:
        """Let `column` play `role`; an empty one takes the role away."""
        report = self._data.state.report
        known = dict(report.mapped) if report and not self.plan.data.columns else {}
        columns = {**known, **self.plan.data.columns, role: column}
        kept = {name: used for name, used in columns.items() if used}
        self._change_data(columns=kept)

    def set_format(self, name: str) -> None:
        """Read the files as `name`; the columns are recognised anew."""
        self._change_data(format=name, columns={})

    def set_skip_bad(self, *, skip: bool) -> None:
        """Leave bad rows out, or wait until they are mended."""
        self._change_data(on_bad_row="skip" if skip else "stop")

    def undo(self) -> None:
        """Take the last edit back."""
        self._take(self._history.undone())

    def redo(self) -> None:
        """Do the last undone edit again."""
        self._take(self._history.redone())

    def start_over(self) -> None:
        """Begin with an empty draft; undo brings the old one back."""
        self._edit(Plan())
        self.go_to("model")

    def open_plan(self, plan: Plan) -> None:
        """Take `plan` as the draft; undo brings the old one back."""
        self._edit(plan)

    # -- looking around --------------------------------------------------------

    def go_to(self, step: Step) -> None:
        """Show `step`; any may be shown at any time."""
        self._starting.forget()
        self._set(step=step)
        if step in {"method", "fit", "start"}:
            self._fit.measure()
        self._fit.advise(advises=step == "method")
        self._fit.exact.look_closer(checks=step == "start")

    def search_settings(self, query: str) -> None:
        """Show only settings that match `query`."""
        self._set(setting_query=query)

    def search_models(self, query: str) -> None:
        """Show only models that match `query`."""
        self._models.search(query)

    def show_models(self, shown: Shown) -> None:
        """Show all models, those here, or those to download."""
        self._models.show_only(shown)

    def search_hub(self) -> None:
        """Ask the Hub for models like the query."""
        if not self._ports.is_offline():
            self._models.search_hub()

    def add_model_folder(self, folder: Path) -> None:
        """Add a folder that holds a model, and choose it."""
        self._models.add_folder(folder)

    def make_model_ready(self) -> None:
        """Unpack or download the chosen model."""
        self._models.make_ready()

    def cancel_model_work(self) -> None:
        """End the unpacking or download."""
        self._models.cancel()

    def pause_model_work(self) -> None:
        """Pause the download, or go on with it."""
        self._models.pause_or_go_on()

    def check_data_again(self) -> None:
        """Read the files again."""
        self._data.check_again()

    def cancel_data_work(self) -> None:
        """End the check that runs."""
        self._data.cancel()

    def preview_row(self, row: int) -> None:
        """Preview the row counted from 0."""
        self._data.show_row(row)

    def compare_all(self, *, compares: bool) -> None:
        """Draw the methods that cannot be trained here too, or not."""
        self._fit.compare_all(compares=compares)
        self._reckon()

    def ask_other_card(self, text: str) -> None:
        """Judge by another card: a size such as 12 GiB, or a name; empty: this one."""
        self._fit.ask_other(text)

    def offer_fit(self) -> None:
        """Work out what would make it fit; nothing changes yet."""
        self._fit.offer()

    def apply_offer(self) -> None:
        """Take what "Make it fit" offered; undo brings the settings back."""
        offer = self._fit.state.offer
        self._fit.drop_offer()
        if offer is not None:
            self._edit(offer.plan)

    def drop_offer(self) -> None:
        """Leave the settings as they are."""
        self._fit.drop_offer()

    # -- starting, opening, saving ---------------------------------------------

    def start(self) -> None:
        """Make the run off the main thread and start it; the Runs page opens then."""
        view = self.view.start
        if not view.can_start:
            return
        plan, budget = self.plan, self._fit.state.budget
        if not plan.name:
            plan = with_value(plan, "name", view.name_hint)
        self._starting.start(
            plan,
            force=view.forces,
            exact=self._fit.measured_tensors,
            on_gpu=budget is not None and budget.kind == "cuda",
        )

    def start_alone(self) -> None:
        """Ask whoever has the device to give it back, then start."""
        self._starting.ask_device_back()
        self.start()

    def save_plan_as(self, path: Path) -> None:
        """Write the draft to `path` as a plan file."""
        self._written = self.plan
        self._drafts.write(path, self.plan)

    def open_plan_file(self, path: Path) -> None:
        """Take the plan in `path` as the draft."""
        self._drafts.read(path)

    @Slot(object)
    def _on_opened(self, plan: Plan) -> None:
        self.open_plan(plan)
        self._navigator.toast("Plan opened", action="Undo", run=self.undo)

    @Slot(object)
    def _on_written(self, path: Path) -> None:
        self._set(saved=Saved(path=str(path), plan=self._written))
        self._navigator.toast(f"Saved as {path.name}")

    @Slot(object)
    def _on_file_failed(self, err: TunesmithError) -> None:
        self._set(notice=f"{err.message} {err.hint}".strip())

    @Slot(str)
    def _on_started(self, run_id: str) -> None:
        self._navigator.open("runs", run_id)

    @Slot(object)
    def _on_unsaved(self, err: TunesmithError) -> None:
        self._set(notice=f"The draft could not be saved. {err.message} {err.hint}")

    def dismiss_notice(self) -> None:
        """The person has read it."""
        self._set(notice="")

    # -- the inside ------------------------------------------------------------

    def _change_data(self, **changes: Any) -> None:
        self._edit(replace(self.plan, data=replace(self.plan.data, **changes)))

    def _edit(self, plan: Plan) -> None:
        self._take(self._history.edited(plan))

    def _take(self, history: History) -> None:
        before = self.plan
        if history == self._history:
            return
        self._history = history
        self._is_editing = True  # one edit, one view: what follows from it is quiet
        self._starting.forget()
        self._drafts.save_soon(self.plan)
        self._fit.drop_offer()
        if self.plan.model.id != before.model.id:
            self._models.resolve(self.plan.model.id, unpacks=True)
        self._follow_data()
        self._reckon()
        self._is_editing = False
        self._publish()

    def _follow_data(self) -> None:
        chosen = self._models.state.chosen
        is_chosen = chosen is not None and chosen.id == self.plan.model.id
        self._data.follow(self.plan, chosen if is_chosen else None)

    def _reckon(self) -> None:
        models = self._models.state
        is_chosen = models.chosen is not None and models.chosen.id == self.plan.model.id
        self._fit.reckon(
            Asked(
                plan=self.plan,
                shape=models.shape,
                facts=models.chosen if is_chosen else None,
                row_tokens=row_tokens(self.plan, self._data.state.report),
                longest_row_tokens=longest_row_tokens(self._data.state.report),
            )
        )

    @Slot()
    def _on_resolved(self) -> None:
        self._follow_data()
        self._reckon()
        self._publish()

    @Slot()
    def _on_data_changed(self) -> None:
        if self._fit.row_tokens != row_tokens(self.plan, self._data.state.report):
            self._reckon()
        self._publish()

    @Slot(object)
    def on_runs_changed(self, runs: object) -> None:
        """Look at the machine again when a run began or ended."""
        del runs
        running = self._ports.running()
        if running != self._running:
            self._running = running
            self._fit.measure()
            self._fit.look_back()
            self._publish()

    @Slot()
    def _on_measured(self) -> None:
        self._reckon()
        self._publish()

    def _set(self, **changes: Any) -> None:
        self._own = replace(self._own, **changes)
        self._publish()

    @Slot()
    def _publish(self) -> None:
        if self._is_editing:
            return
        if self._own.step == "model":
            self._models.price(self.plan, self._fit.state.budget, self._fit.outcomes)
        self.changed.emit(self.view)
