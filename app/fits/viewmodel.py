"""The page's view-model: a question comes in, one frozen view goes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from PySide6.QtCore import QObject, Signal, Slot

from app.fits.figuring import Figuring
from app.fits.grid_view import largest_that_fits
from app.fits.ports import FitsPorts
from app.fits.present import FitsView, Presenter
from app.fits.reckoning import CHECKPOINTING, best_price
from app.fits.state import FitsState, Shown, into_draft
from app.glance import DeviceGlance
from app.qtwork.background import Background
from app.qtwork.navigator import Navigator
from app.qtwork.window_words import in_window
from app.setup.asked_card import asked_card
from app.setup.exact_work import ExactWork
from app.setup.fit_work import out_of_reach
from app.setup.state import Failure
from app.setup.words import TRAINABLE
from core.errors import TunesmithError
from core.estimate.learned import Outcome
from core.hardware.budget import DeviceBudget
from core.hardware.cards import cards
from core.models.facts import ModelFacts
from core.models.shape import ModelShape
from core.models.starter import STARTER_ID
from core.plan.fields import with_value
from core.plan.plan import MethodKind, ModelChoice, Plan
from core.planner.advice import Fit

_NEWS: Final = 0.02
"""The part of a device's memory that must come free or go before figures change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """This machine, its models and the Train page's draft, as they are now."""

    listed: tuple[ModelFacts, ...]
    budget: DeviceBudget
    draft: Plan
    outcomes: tuple[Outcome, ...]
    host_free: int
    disk_free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A model looked up, with its sizes."""

    facts: ModelFacts
    shape: ModelShape


class FitsViewModel(QObject):
    """Owns the page's state.

    Signals:
        changed (FitsView): what the page shows now.
    """

    changed = Signal(object)

    def __init__(
        self, ports: FitsPorts, navigator: Navigator, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._ports = ports
        self._navigator = navigator
        self._presenter = Presenter()
        self.state = FitsState()
        self._begun = False
        self._is_free = True  # nobody has chosen a model yet
        self._figuring = Figuring(ports, self)
        self._figuring.told.connect(self._on_told)
        self._figuring.advanced.connect(self._publish)
        self._figuring.priced.connect(self._on_priced)
        self._exact = ExactWork(ports.config_of, self)
        self._exact.changed.connect(self._on_exact)
        self._looking = self._asker(self._on_world, self._on_failed)
        self._measuring = self._asker(self._on_measured, self._on_failed)
        self._finding = self._asker(self._on_found, self._on_unfound)
        self._naming = self._asker(self._on_named, self._on_unnamed)
        self._fitting = self._asker(self._on_fitted, self._on_failed)
        self._returning = self._asker(self.ask_about, self._on_failed)
        self._drafting = self._asker(self._on_draft, self._on_failed)

    def _asker(self, answered: Any, failed: Any) -> Background:
        made = Background(self)
        made.answered.connect(answered)
        made.failed.connect(failed)
        return made

    @property
    def view(self) -> FitsView:
        """What the page shows now."""
        return self._presenter.present(self.state)

    # -- intents -----------------------------------------------------------------

    def wake(self) -> None:
        """Look at machine, models and draft; called when the page is shown."""
        self._looking.ask(self._look)

    def hear_device(self, glance: DeviceGlance) -> None:
        """Measure what is free again if `glance` shows that it has truly moved.

        A main memory that breathes is no news: nothing that is being read may move
        for it. A card asked about instead has nothing else running on it.
        """
        known = self.state.budget
        if known is not None and self.state.other is None and has_moved(known, glance):
            self._measuring.ask(lambda: self._ports.device_budget(None, None))

    def ask_about(self, plan: Plan) -> None:
        """Take over `plan`: its model and every setting."""
        self._begun, self._is_free = True, False
        self._take(plan)
        self._find(plan.model.id)

    @Slot(str)
    def choose_model(self, wanted: str) -> None:
        """Ask about another model: an id, or the path of a folder or config.json."""
        self._is_free = False
        self._find(wanted.strip())

    def choose_method(self, kind: MethodKind) -> None:
        """Draw the map and count the parts for `kind`."""
        self.set_value("method.kind", kind)

    def set_value(self, key: str, value: Any) -> None:
        """Set one plan key to a value of its type."""
        plan = with_value(self.state.plan, key, value)
        if plan != self.state.plan:
            self._take(plan)

    def choose_cell(self, batch: int, length: int) -> None:
        """Take batch and length of a cell of the map."""
        plan = with_value(self.state.plan, "train.batch_size", batch)
        self._take(with_value(plan, "train.seq_len", length))

    def choose_priced(self, model_id: str, kind: MethodKind | None) -> None:
        """Ask about a model of the grid, by the method and as its cell has it."""
        price = self.state.prices.get(model_id, {}).get(kind) if kind else None
        if kind in TRAINABLE:
            self.set_value("method.kind", kind)
            if price is not None and price.checkpointed is not None:
                self.set_value(CHECKPOINTING, value=True)
        self.choose_model(model_id)

    @Slot(str)
    def ask_device(self, wanted: str) -> None:
        """Judge by the card `wanted` names or measures; empty: by this machine."""
        text = wanted.strip()
        self._set(device_key=text, device_failure=None, offer=None)
        if not text:
            self._naming.cancel()
            self._set(other=None)
            self._reckon()
            self._measuring.ask(lambda: self._ports.device_budget(None, None))
            return
        self._naming.ask(_card_asker(self._ports, text))

    def compare_all(self, *, compares: bool) -> None:
        """Price 8-bit LoRA and full fine-tuning too, or not."""
        self._set(compares_all=compares)
        self._reckon()

    def search(self, query: str) -> None:
        """Show only models that match `query`."""
        self._set(query=query)
        self._publish()

    def show_only(self, shown: Shown) -> None:
        """Show all models, those that fit, or those on this computer."""
        self._set(shown=shown)
        self._publish()

    def look_at(self, first: int, last: int) -> None:
        """Work out the longest sequence of the models in these rows of the grid."""
        by_id = {model.id: model for model in self.state.listed or ()}
        rows = self.view.grid.rows[first : last + 1]
        models = [by_id[row.key] for row in rows if row.key in by_id]
        self._figuring.measure(models, self.state)

    def make_fit(self) -> None:
        """Change what must be changed for the model to fit; a toast undoes it."""
        shape, budget = self.state.shape, self.state.judged
        if shape is None or budget is None:
            return
        plan, known = self.state.plan, self.state.outcomes
        self._fitting.ask(lambda: self._ports.fit_plan(plan, shape, budget, known))

    def take_draft(self) -> None:
        """Ask about the Train page's draft as it is now."""
        self._returning.ask(self._ports.read_draft)

    def run_dry(self) -> None:
        """Act the training step out: the exact figure, in some seconds."""
        self._exact.run()

    def cancel_dry(self) -> None:
        """End the dry run that is under way."""
        self._exact.cancel()

    def train(self) -> None:
        """Take model and settings to the Train page; its draft keeps the rest."""
        plan, read = self.state.plan, self._ports.read_draft
        self._drafting.ask(lambda: into_draft(read(), plan))

    def say(self, text: str) -> None:
        """Say a short word at the window's foot."""
        self._navigator.toast(text)

    def shut_down(self) -> None:
        """Compute no more: the window is closing."""
        self._figuring.stop()
        self._exact.shut_down()
        for asker in (
            self._looking, self._measuring, self._finding, self._naming,
            self._fitting, self._returning, self._drafting,
        ):  # fmt: skip
            asker.cancel()

    # -- off the main thread -----------------------------------------------------

    def _look(self) -> World:
        return World(
            listed=self._ports.list_models(),
            budget=self._ports.device_budget(None, None),
            draft=self._ports.read_draft(),
            outcomes=self._ports.outcomes(),
            host_free=self._ports.free_host(),
            disk_free=self._ports.free_disk(),
        )

    def _find(self, wanted: str) -> None:
        if not wanted:
            return
        self._set(model_text="", model_failure=None)
        known = next((m for m in self.state.listed or () if m.id == wanted), None)

        def look_up() -> Found:
            facts = known or self._ports.find_model(wanted)
            return Found(facts=facts, shape=self._ports.shape_of(facts))

        self._set(model_text="" if known else wanted)
        self._finding.ask(look_up)
        self._publish()

    # -- answers -----------------------------------------------------------------

    @Slot(object)
    def _on_world(self, world: World) -> None:
        if world.listed != self.state.listed:
            self._figuring.forget_shapes()
            self._set(listed=world.listed)
        if self.state.budget != world.budget:
            self._set(budget=world.budget)
        self._set(
            failure=None,
            outcomes=world.outcomes,
            host_free=world.host_free,
            disk_free=world.disk_free,
        )
        if not self._begun:
            self._begun = True
            self._set(plan=world.draft)
            if world.draft.model.id:
                self._is_free = False
                self._find(world.draft.model.id)
        self._reckon()

    @Slot(object)
    def _on_measured(self, budget: DeviceBudget) -> None:
        self._set(budget=budget)
        self._reckon()

    @Slot(object)
    def _on_found(self, found: Found) -> None:
        facts = found.facts
        model = ModelChoice(id=facts.id, revision=self.state.plan.model.revision)
        plan = replace(self.state.plan, model=model)
        if plan.model.id != self.state.plan.model.id:
            plan = with_value(plan, "model.revision", "")
        longest = found.shape.context_length
        if longest and plan.train.seq_len > longest:
            plan = with_value(plan, "train.seq_len", longest)
        told = (
            Failure(message=facts.problem, hint=in_window(facts.hint))
            if facts.problem
            else None
        )
        self._set(
            plan=plan, chosen=facts, shape=found.shape, model_text="",
            model_failure=told, estimates={}, cells={}, offer=None,
        )  # fmt: skip
        self._reckon()

    @Slot(object)
    def _on_unfound(self, err: TunesmithError) -> None:
        chosen = self.state.chosen
        if chosen is not None:  # the plan is about what is on show
            plan = with_value(self.state.plan, "model.id", chosen.id)
            self._set(plan=plan)
        self._set(model_failure=Failure.of(err))
        self._publish()

    @Slot(object)
    def _on_named(self, budget: DeviceBudget) -> None:
        known = {card.name for card in cards()}
        key = budget.name if budget.name in known else self.state.device_key
        self._set(other=budget, device_key=key, device_failure=None)
        self._reckon()

    @Slot(object)
    def _on_unnamed(self, err: TunesmithError) -> None:
        self._set(device_failure=Failure.of(err))
        self._publish()

    @Slot(object)
    def _on_fitted(self, offer: Fit) -> None:
        before = self.state.plan
        if offer.changes and offer.estimate.fits:
            self._take(offer.plan)
            self._navigator.toast(
                "Made to fit", action="Undo", run=lambda: self._take(before)
            )
        self._set(offer=offer)
        self._publish()

    def _take(self, plan: Plan) -> None:
        """Ask about `plan`; what was offered for another is forgotten."""
        self._fitting.cancel()
        self._set(plan=plan, offer=None)
        self._reckon()

    @Slot(object)
    def _on_draft(self, plan: Plan) -> None:
        self._navigator.open("train", plan)

    @Slot(object)
    def _on_failed(self, err: TunesmithError) -> None:
        self._set(failure=Failure.of(err), listed=self.state.listed or ())
        self._publish()

    # -- computing ---------------------------------------------------------------

    def _reckon(self) -> None:
        """Begin anew with the question of now."""
        state = self.state
        wrong = out_of_reach(state.plan)
        if wrong is not None:  # a plan file may hold what no slider can
            self._figuring.stop()
            self._exact.follow(None, state.plan, None, None)
            exact = self._exact.state(self._formula_tensors)
            self._set(failure=wrong, estimates={}, cells={}, exact=exact)
            self._publish()
            return
        tensors = None
        if state.chosen is not None and state.judged is not None:
            tensors = self._exact.tensors(state.chosen, state.plan, state.judged)
        self._exact.follow(state.chosen, state.plan, state.shape, state.judged)
        self._set(exact=self._exact.state(self._formula_tensors))
        self._figuring.begin(self.state, measured_tensors=tensors)

    def _formula_tensors(self) -> int:
        state = self.state
        if state.shape is None or state.judged is None:
            return 0
        try:
            return self._ports.tensors(state.plan, state.shape, state.judged)
        except TunesmithError:  # the bars say why
            return 0

    @Slot()
    def _on_exact(self) -> None:
        """Hear that a dry run began or ended; its figure counts at once."""
        known = self.state.exact.tensors
        self._set(exact=self._exact.state(self._formula_tensors))
        if self.state.exact.tensors != known:
            self._reckon()
        self._publish()

    @Slot(object)
    def _on_told(self, changes: Mapping[str, Any]) -> None:
        self._set(**changes)

    @Slot()
    def _on_priced(self) -> None:
        if self._is_free:  # begin with the largest model that fits
            best = largest_that_fits(self.state)
            price = best_price(self.state.prices.get(best.id, {})) if best else None
            if price is not None:
                kind = price.estimate.method
                self._set(plan=with_value(self.state.plan, "method.kind", kind))
            self._is_free = False
            self._find(best.id if best else STARTER_ID)
        self._publish()

    # -- telling -----------------------------------------------------------------

    def _set(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)

    @Slot()
    def _publish(self) -> None:
        self.changed.emit(self.view)


def has_moved(known: DeviceBudget, glance: DeviceGlance) -> bool:
    """Return whether a glance shows more or less free than a reader would round off."""
    is_other = glance.name != known.name or glance.total != known.total
    return is_other or abs(glance.free - known.free) > _NEWS * known.total


def _card_asker(ports: FitsPorts, wanted: str) -> Callable[[], DeviceBudget]:
    memory, name = asked_card(wanted)
    return lambda: ports.device_budget(memory, name)
