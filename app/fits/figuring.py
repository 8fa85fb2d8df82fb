"""The figures of the page, computed between paints, the nearest to the eye first.

Bars, their formulas, the map, other uses, other cards; then, once the sliders rest, a
hundred models. An edit begins anew, so that a slider never waits for a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.fits.axes import axes
from app.fits.ports import FitsPorts
from app.fits.reckoning import (
    Cells,
    Offer,
    Question,
    ask_cards,
    ask_uses,
    by_method,
    heat,
    heat_key,
    longest_fits,
    price_models,
)
from app.fits.state import COMPARED, FitsState, Prices
from app.qtwork.slices import Slices
from app.setup.state import Failure
from app.setup.words import TRAINABLE
from core.errors import TunesmithError
from core.estimate.answer import MemoryEstimate
from core.estimate.explain import explain
from core.estimate.uses.price import UseEstimate
from core.models.facts import ModelFacts
from core.models.shape import ModelShape
from core.planner.forecast import forecast
from core.planner.which_card import CardFit, in_order

_PAUSE_MS: Final = 120


class Figuring(QObject):
    """Computes what a `FitsState` asks.

    Signals:
        told (dict): fields of `FitsState` that are known now.
        advanced (): a slice is over; time to paint.
        priced (): every model has its price.
    """

    told = Signal(object)
    advanced = Signal()
    priced = Signal()

    def __init__(self, ports: FitsPorts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ports = ports
        self._asked = FitsState()
        self._measured_tensors: int | None = None
        self._shapes: dict[str, ModelShape] = {}
        self._cells: Cells = {}
        self._cells_of: Question | None = None
        self._longest: dict[str, int] = {}
        self._near = Slices(self)
        self._near.advanced.connect(self.advanced)
        self._near.failed.connect(self._on_failed)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._on_rest)
        self._behind = Slices(self)
        self._behind.advanced.connect(self.advanced)
        self._behind.failed.connect(self._on_failed)
        self._pricing = Slices(self)
        self._pricing.finished.connect(self.priced)
        self._pricing.failed.connect(self._on_failed)
        self._measuring = Slices(self)
        self._measuring.finished.connect(self._on_measured)
        self._measuring.failed.connect(self._on_failed)

    def forget_shapes(self) -> None:
        """Read configs again: the models on this disk are others."""
        self._shapes.clear()

    def begin(self, state: FitsState, *, measured_tensors: int | None) -> None:
        """Answer `state` anew; a dry run's figure for it counts where there is one."""
        self._asked, self._measured_tensors = state, measured_tensors
        asked = _question(state)
        if asked is None:
            self._near.run(iter(()))
        else:
            self._near.run(self._bars(asked), self._map(asked))
        # A slider that moves is followed by bars and map; the tables wait for its rest.
        for slices in (self._behind, self._pricing, self._measuring):
            slices.stop()
        self._pause.start()

    def measure(self, models: Sequence[ModelFacts], state: FitsState) -> None:
        """Work out the longest sequence for `models`, those in view."""
        offer = self._offer(state)
        if offer is None or self._pricing.is_busy or self._pause.isActive():
            return
        if all(model.id in state.longest for model in models):
            return
        self._longest = dict(state.longest)
        self._measuring.run(
            longest_fits(models, self._shape, offer, state.prices, self._longest)
        )

    def stop(self) -> None:
        """Compute no more."""
        self._pause.stop()
        for slices in (self._near, self._behind, self._pricing, self._measuring):
            slices.stop()

    # -- one model ---------------------------------------------------------------

    def _bars(self, asked: Question) -> Iterator[None]:
        kinds = COMPARED if self._asked.compares_all else TRAINABLE
        chosen = asked.plan.method.kind
        try:
            found = dict(by_method(asked, self._ports.estimate, kinds))
            if chosen not in found or self._measured_tensors is not None:
                found[chosen] = self._exact(asked)
        except TunesmithError as err:
            self.told.emit({"estimates": {}, "failure": Failure.of(err)})
            return
        rate = forecast(asked.plan, asked.shape, asked.budget, asked.outcomes)
        self.told.emit({"estimates": found, "forecast": rate, "failure": None})
        yield

    def _exact(self, asked: Question) -> MemoryEstimate:
        return self._ports.estimate(
            asked.plan,
            asked.shape,
            asked.budget,
            measured_tensors=self._measured_tensors,
            outcomes=asked.outcomes,
        )

    def _formulas(self, asked: Question) -> Iterator[None]:
        plan, shape, budget = asked.plan, asked.shape, asked.budget
        try:
            formulas = explain(plan, shape, budget, self._exact(asked))
        except TunesmithError:  # the bars have said why
            formulas = {}
        self.told.emit({"formulas": formulas})
        yield

    def _map(self, asked: Question) -> Iterator[None]:
        key = heat_key(asked)
        old = dict(self._asked.cells)
        if key != self._cells_of:
            self._cells, self._cells_of = {}, key
        cells = self._cells
        grid = axes(asked.plan, asked.shape)
        wanted = {(batch, n) for batch in grid.batches for n in grid.lengths}
        # A whole map of a moment ago is a better picture than one that grows; painting
        # it anew at each slice would also cost more than the slices.
        grows = not wanted <= old.keys()
        try:
            for _ in heat(asked, self._ports.estimate, cells):
                if grows:
                    self.told.emit({"cells": {**old, **cells}})
                yield
        except TunesmithError:
            self.told.emit({"cells": {}})
            return
        self.told.emit({"cells": dict(cells)})

    def _uses(self, asked: Question) -> Iterator[None]:
        found: list[UseEstimate] = []
        try:
            yield from ask_uses(
                asked, self._asked.host_free, self._asked.disk_free, found
            )
        except TunesmithError:
            found = []
        self.told.emit({"uses": tuple(found)})
        yield

    def _cards(self, asked: Question) -> Iterator[None]:
        found: list[CardFit] = []
        try:
            yield from ask_cards(asked, found)
        except TunesmithError:
            found = []
        self.told.emit({"cards": in_order(found)})
        yield

    # -- all models --------------------------------------------------------------

    def _offer(self, state: FitsState) -> Offer | None:
        if state.judged is None:
            return None
        return Offer(
            plan=state.plan,
            budget=state.judged,
            kinds=COMPARED if state.compares_all else TRAINABLE,
            outcomes=state.outcomes,
        )

    @Slot()
    def _on_rest(self) -> None:
        asked = _question(self._asked)
        if asked is not None:
            self._behind.run(
                self._formulas(asked), self._uses(asked), self._cards(asked)
            )
        offer = self._offer(self._asked)
        if offer is not None and self._asked.listed:
            self._pricing.run(self._all_prices(offer))

    def _all_prices(self, offer: Offer) -> Iterator[None]:
        found: dict[str, Prices] = {}
        usable = [model for model in self._asked.listed or () if not model.problem]
        yield from price_models(usable, self._shape, offer, self._ports.estimate, found)
        settings = self._asked.settings
        self.told.emit({"prices": found, "priced_for": settings, "longest": {}})

    @Slot(object)
    def _on_failed(self, err: TunesmithError) -> None:
        """Tell of a bug of ours in words: an estimate never takes the window along."""
        self.told.emit({"failure": Failure.of(err)})

    @Slot()
    def _on_measured(self) -> None:
        self.told.emit({"longest": dict(self._longest)})
        self.advanced.emit()

    def _shape(self, model: ModelFacts) -> ModelShape:
        if model.id not in self._shapes:
            self._shapes[model.id] = self._ports.shape_of(model)
        return self._shapes[model.id]


def _question(state: FitsState) -> Question | None:
    shape, budget = state.shape, state.judged
    if shape is None or budget is None:
        return None
    return Question(
        plan=state.plan, shape=shape, budget=budget, outcomes=state.outcomes
    )
