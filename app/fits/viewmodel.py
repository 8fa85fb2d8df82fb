"""The page's view-model: a question comes in, one frozen view goes out.

Estimates are computed between paints, the nearest to the eye first: the bars, the map,
then the models. An edit begins anew, so that a slider never waits for a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.fits.grid_view import largest_that_fits
from app.fits.ports import FitsPorts
from app.fits.present import FitsView, Presenter
from app.fits.reckoning import (
    Cells,
    Offer,
    Question,
    better_method,
    by_method,
    heat,
    heat_key,
    longest_fits,
    price_models,
)
from app.fits.state import COMPARED, FitsState, Prices, Shown, into_draft
from app.qtwork.background import Background
from app.qtwork.navigator import Navigator
from app.qtwork.slices import Slices
from app.setup.state import Failure
from app.setup.words import TRAINABLE
from core.errors import TunesmithError
from core.hardware.budget import DeviceBudget
from core.hardware.cards import cards
from core.models.facts import ModelFacts
from core.models.shape import ModelShape
from core.models.starter import STARTER_ID
from core.plan.fields import with_value
from core.plan.plan import MethodKind, ModelChoice, Plan
from core.units import parse_bytes

_PAUSE_MS: Final = 120
"""A hundred models are priced once the sliders rest this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """This machine, its models and the Train page's draft, as they are now."""

    listed: tuple[ModelFacts, ...]
    budget: DeviceBudget
    draft: Plan


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
        self._shapes: dict[str, ModelShape] = {}
        self._cells: Cells = {}
        self._cells_of: Question | None = None
        self._in_view = (0, 0)
        self._slices = Slices(self)
        self._slices.advanced.connect(self._publish)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._price_all)
        self._pricing = Slices(self)
        self._looking = self._asker(self._on_world, self._on_failed)
        self._finding = self._asker(self._on_found, self._on_unfound)
        self._naming = self._asker(self._on_named, self._on_unnamed)
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

    def ask_about(self, plan: Plan) -> None:
        """Take over `plan`: its model and every setting."""
        self._begun, self._is_free = True, False
        self._set(plan=plan)
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
            self._set(plan=plan)
            self._reckon()

    def choose_cell(self, batch: int, length: int) -> None:
        """Take batch and length of a cell of the map."""
        plan = with_value(self.state.plan, "train.batch_size", batch)
        self._set(plan=with_value(plan, "train.seq_len", length))
        self._reckon()

    def choose_priced(self, model_id: str, kind: MethodKind | None) -> None:
        """Ask about a model of the grid, by the method of its column."""
        if kind in TRAINABLE:
            self.set_value("method.kind", kind)
        self.choose_model(model_id)

    @Slot(str)
    def ask_device(self, wanted: str) -> None:
        """Judge by the card `wanted` names or measures; empty: by this machine."""
        text = wanted.strip()
        self._set(device_key=text, device_failure=None)
        if not text:
            self._naming.cancel()
            self._set(other=None)
            self._reckon()
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
        self._in_view = (first, last)
        if self.state.prices and not self._pricing.is_busy:
            self._measure_rows()

    def train(self) -> None:
        """Take model and settings to the Train page; its draft keeps the rest."""
        plan, read = self.state.plan, self._ports.read_draft
        self._drafting.ask(lambda: into_draft(read(), plan))

    def shut_down(self) -> None:
        """Compute no more: the window is closing."""
        self._pause.stop()
        self._slices.stop()
        self._pricing.stop()
        for asker in (self._looking, self._finding, self._naming, self._drafting):
            asker.cancel()

    # -- off the main thread -----------------------------------------------------

    def _look(self) -> World:
        return World(
            listed=self._ports.list_models(),
            budget=self._ports.device_budget(None, None),
            draft=self._ports.read_draft(),
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
            self._shapes.clear()
            self._set(listed=world.listed)
        if self.state.budget != world.budget:
            self._set(budget=world.budget)
        self._set(failure=None)
        if not self._begun:
            self._begun = True
            self._set(plan=world.draft)
            if world.draft.model.id:
                self._is_free = False
                self._find(world.draft.model.id)
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
            Failure(message=facts.problem, hint=facts.hint) if facts.problem else None
        )
        self._set(
            plan=plan, chosen=facts, shape=found.shape, model_text="",
            model_failure=told, estimates={}, cells={},
        )  # fmt: skip
        self._reckon()

    @Slot(object)
    def _on_unfound(self, err: TunesmithError) -> None:
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
    def _on_draft(self, plan: Plan) -> None:
        self._navigator.open("train", plan)

    @Slot(object)
    def _on_failed(self, err: TunesmithError) -> None:
        self._set(failure=Failure.of(err), listed=self.state.listed or ())
        self._publish()

    # -- computing ---------------------------------------------------------------

    def _question(self) -> Question | None:
        shape, budget = self.state.shape, self.state.judged
        if shape is None or budget is None:
            return None
        return Question(plan=self.state.plan, shape=shape, budget=budget)

    def _reckon(self) -> None:
        """Begin anew: bars and map at the next free moment, the models at rest."""
        asked = self._question()
        if asked is None:
            self._slices.run(iter(()))
        else:
            self._slices.run(self._bars(asked), self._map(asked))
        self._pricing.stop()
        self._pause.start()

    def _bars(self, asked: Question) -> Iterator[None]:
        kinds = COMPARED if self.state.compares_all else TRAINABLE
        try:
            found = by_method(asked, self._ports.estimate, kinds)
        except TunesmithError as err:
            self._set(estimates={}, failure=Failure.of(err))
            return
        self._set(estimates=found, failure=None)
        yield

    def _map(self, asked: Question) -> Iterator[None]:
        key = heat_key(asked)
        old = dict(self.state.cells)
        if key != self._cells_of:
            self._cells, self._cells_of = {}, key
        cells = self._cells
        try:
            for _ in heat(asked, self._ports.estimate, cells):
                # What was there before is a better picture than holes.
                self._set(cells={**old, **cells})
                yield
        except TunesmithError as err:
            self._set(cells={}, failure=Failure.of(err))
            return
        self._set(cells=dict(cells))

    @Slot()
    def _price_all(self) -> None:
        budget = self.state.judged
        if budget is None or not self.state.listed:
            return
        kinds = COMPARED if self.state.compares_all else TRAINABLE
        offer = Offer(plan=self.state.plan, budget=budget, kinds=kinds)
        self._pricing.run(self._all_prices(offer), self._rows_in_view(offer))

    def _all_prices(self, offer: Offer) -> Iterator[None]:
        found: dict[str, Prices] = {}
        usable = [model for model in self.state.listed or () if not model.problem]
        yield from price_models(usable, self._shape, offer, self._ports.estimate, found)
        self._set(prices=found, longest={})
        self._choose_for_newcomer()
        self._publish()
        yield

    def _choose_for_newcomer(self) -> None:
        """Begin with the largest model that fits, where no draft names one."""
        if self._is_free:
            self._is_free = False
            best = largest_that_fits(self.state)
            kind = better_method(self.state.prices.get(best.id, {})) if best else None
            if kind is not None:
                self._set(plan=with_value(self.state.plan, "method.kind", kind))
            self._find(best.id if best else STARTER_ID)

    def _measure_rows(self) -> None:
        budget = self.state.judged
        if budget is not None:
            kinds = TRAINABLE
            offer = Offer(plan=self.state.plan, budget=budget, kinds=kinds)
            self._pricing.run(self._rows_in_view(offer))

    def _rows_in_view(self, offer: Offer) -> Iterator[None]:
        first, last = self._in_view
        by_id = {model.id: model for model in self.state.listed or ()}
        rows = self.view.grid.rows[first : last + 1]
        models = [by_id[row.id] for row in rows if row.id in by_id]
        found = dict(self.state.longest)
        yield from longest_fits(models, self._shape, offer, self.state.prices, found)
        if found != self.state.longest:
            self._set(longest=found)
            self._publish()

    def _shape(self, model: ModelFacts) -> ModelShape:
        if model.id not in self._shapes:
            self._shapes[model.id] = self._ports.shape_of(model)
        return self._shapes[model.id]

    # -- telling -----------------------------------------------------------------

    def _set(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)

    @Slot()
    def _publish(self) -> None:
        self.changed.emit(self.view)


def _card_asker(ports: FitsPorts, wanted: str) -> Callable[[], DeviceBudget]:
    try:
        memory = parse_bytes(wanted)
    except ValueError:
        return lambda: ports.device_budget(None, wanted)
    # "12" alone means 12 GiB: nobody asks about a card of twelve bytes.
    if memory < 1024:
        memory = parse_bytes(f"{memory}GiB")
    return lambda: ports.device_budget(memory, None)
