"""Work of step 4: measure the device, price the plan, find what would make it fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.qtwork.background import Background
from app.setup.asked_card import asked_card
from app.setup.exact_work import ExactWork
from app.setup.ports import Ports
from app.setup.state import ExactState, Failure, FitState
from app.setup.words import TRAINABLE
from core.errors import TunesmithError
from core.estimate.answer import MemoryEstimate
from core.estimate.learned import Outcome
from core.hardware.budget import DeviceBudget
from core.models.facts import ModelFacts
from core.models.shape import ModelShape
from core.plan.fields import BY_KEY, value_of, with_value
from core.plan.plan import MethodKind, Plan
from core.plan.problems import out_of_limits
from core.planner.advice import Fit
from core.planner.forecast import Forecast
from core.planner.which_card import CardFit

_ALL: Final[tuple[MethodKind, ...]] = ("lora", "qlora", "lora8", "full")
_PRICED: Final = frozenset({
    "method.rank",
    "method.dropout",
    "train.batch_size",
    "train.gradient_accumulation",
    "train.seq_len",
})  # fmt: skip
_EXPLAIN_MS: Final = 150  # formulas are for who rests on a figure, not for a drag


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The device and the disk as they are now."""

    budget: DeviceBudget
    free_disk: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be priced: the draft, its model and data as far as they are known."""

    plan: Plan
    shape: ModelShape | None = None
    facts: ModelFacts | None = None
    row_tokens: float | None = None
    """Mean tokens of the data's rows."""
    longest_row_tokens: int | None = None


def out_of_reach(plan: Plan) -> Failure | None:
    """Return why `plan` cannot be priced: a batch of nothing, a rank below one."""
    for problem in out_of_limits(plan):
        if problem.field in _PRICED:
            label = BY_KEY[problem.field].explanation.label
            value = value_of(plan, problem.field)
            return Failure(
                message=f"{label} is {value:,}, so the memory cannot be told.",
                hint=problem.message,
            )
    return None


class FitWork(QObject):
    """Owns the `FitState`.

    An estimate takes about a millisecond, so `reckon` answers at once and a slider is
    followed without a thread; everything that asks the machine goes off it.

    Signals:
        changed (): the state is another.
        measured (): the device to judge by, or what its runs taught, is another.
    """

    changed = Signal()
    measured = Signal()

    def __init__(self, ports: Ports, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = FitState()
        self._ports = ports
        self._asked = Asked(plan=Plan())
        self._advises = False
        self._machine_failure: Failure | None = None
        self.outcomes: tuple[Outcome, ...] = ()
        self.exact = ExactWork(ports.config_of, self)
        self.exact.changed.connect(self._on_exact_changed)
        self._explaining = QTimer(self)
        self._explaining.setSingleShot(True)
        self._explaining.setInterval(_EXPLAIN_MS)
        self._explaining.timeout.connect(self._explain)
        self._measuring = self._asker(self._on_measured)
        self._looking_back = Background(self)
        self._looking_back.answered.connect(self._on_looked_back)
        self._naming = Background(self)
        self._naming.answered.connect(self._on_named)
        self._naming.failed.connect(self._on_unnamed)
        self._offering = self._asker(self._on_offered)
        self._carding = self._asker(self._on_carded)

    def _asker(self, answered: Any) -> Background:
        made = Background(self)
        made.answered.connect(answered)
        made.failed.connect(self._on_failed)
        return made

    def look_back(self) -> None:
        """Read what this machine's runs came to."""
        self._looking_back.ask(self._ports.outcomes)

    def measure(self) -> None:
        """Look at the device and the disk again."""
        self._measuring.ask(
            lambda: Measured(
                budget=self._ports.device_budget(None, None),
                free_disk=self._ports.free_disk(),
            )
        )

    def reckon(self, asked: Asked) -> None:
        """Price the draft by every method on show."""
        is_other = asked != self._asked
        self._asked = asked
        budget, shape, wrong = self.state.judged, asked.shape, out_of_reach(asked.plan)
        known = budget if wrong is None else None
        self.exact.follow(asked.facts, asked.plan, shape, known)
        if budget is None or shape is None or wrong is not None:
            self._set_nothing(failure=wrong or self._machine_failure)
            return
        try:
            found = self._priced(asked.plan, shape, budget)
        except TunesmithError as err:
            self._set_nothing(failure=Failure.of(err))
            return
        self._machine_failure = None
        cards = None if is_other else self.state.cards
        self._set(**found, cards=cards, formulas={}, failure=None)
        self._explaining.start()
        estimate = self.state.estimates.get(asked.plan.method.kind)
        self.exact.judge(estimate, is_known=shape.known)

    def advise(self, *, advises: bool) -> None:
        """Recommend a method with each answer from now on, or leave that out."""
        if advises != self._advises:
            self._advises = advises
            if advises:
                self.reckon(self._asked)

    def _set_nothing(self, *, failure: Failure | None) -> None:
        self._explaining.stop()
        self._set(
            estimates={},
            recommended=None,
            recommended_why="",
            exact=ExactState(),
            forecast=None,
            forecasts={},
            formulas={},
            cards=None,
            failure=failure,
        )

    def _priced(
        self, plan: Plan, shape: ModelShape, budget: DeviceBudget
    ) -> dict[str, Any]:
        """Return what `reckon` finds, as fields of the state.

        Raises:
            TunesmithError: The plan cannot be priced for this model.
        """
        kinds = _ALL if self.state.compares_all else TRAINABLE
        recommended, why = self._recommended(plan, shape, budget)
        rates = self._rates(plan, shape, budget)
        return {
            "estimates": {
                kind: self._price(with_value(plan, "method.kind", kind), shape, budget)
                for kind in kinds
            },
            "recommended": recommended,
            "recommended_why": why,
            "exact": self.exact.state(lambda: self._ports.tensors(plan, shape, budget)),
            "forecast": rates.get(plan.method.kind),
            "forecasts": rates,
        }

    def _rates(
        self, plan: Plan, shape: ModelShape, budget: DeviceBudget
    ) -> dict[MethodKind, Forecast]:
        """Return how fast the draft learns, and by the other method where that shows."""
        kinds: set[MethodKind] = {plan.method.kind}
        if self._advises:
            kinds |= set(TRAINABLE)
        found: dict[MethodKind, Forecast | None] = {
            kind: self._ports.forecast(
                with_value(plan, "method.kind", kind),
                shape,
                budget,
                self.outcomes,
                row_tokens=self._asked.row_tokens,
            )
            for kind in kinds
        }
        return {kind: rate for kind, rate in found.items() if rate is not None}

    def _recommended(
        self, plan: Plan, shape: ModelShape, budget: DeviceBudget
    ) -> tuple[MethodKind | None, str]:
        """Return LoRA or QLoRA and why, where a page shows it: it is half the work."""
        if not self._advises:
            return None, ""
        kind, why = self._ports.recommend(plan, shape, budget, self.outcomes)
        return (kind if kind in TRAINABLE else None), why

    def _price(
        self, plan: Plan, shape: ModelShape, budget: DeviceBudget
    ) -> MemoryEstimate:
        return self._ports.estimate(
            plan,
            shape,
            budget,
            measured_tensors=self.exact.tensors(self._asked.facts, plan, budget),
            outcomes=self.outcomes,
        )

    @property
    def card_names(self) -> tuple[str, ...]:
        """The names of the cards that can be asked about."""
        return self._ports.card_names

    @property
    def row_tokens(self) -> float | None:
        """The mean tokens of a row the forecast was made with."""
        return self._asked.row_tokens

    @property
    def measured_tensors(self) -> int | None:
        """What a dry run found for the draft on this machine, if one did."""
        return self.state.exact.tensors if self.state.other is None else None

    @Slot()
    def _explain(self) -> None:
        plan, shape, budget = self._asked.plan, self._asked.shape, self.state.judged
        found = self.state.estimates.get(plan.method.kind)
        if found is not None and shape is not None and budget is not None:
            self._set(formulas=self._ports.explain(plan, shape, budget, found))

    @Slot()
    def _on_exact_changed(self) -> None:
        """Hear how far a dry run is; a new figure prices the draft anew."""
        known, shape, budget = self.state.exact, self._asked.shape, self.state.judged
        if shape is None or budget is None:
            return
        plan = self._asked.plan
        exact = self.exact.state(lambda: self._ports.tensors(plan, shape, budget))
        if (exact.tensors, exact.is_running) == (known.tensors, known.is_running):
            self._set(exact=exact)
        else:
            self.reckon(self._asked)

    def shut_down(self) -> None:
        """End the child that runs."""
        self._explaining.stop()
        self.exact.shut_down()

    def compare_all(self, *, compares: bool) -> None:
        """Price the methods that cannot be trained here too, or not."""
        self._set(compares_all=compares)

    def ask_other(self, text: str) -> None:
        """Judge by the card `text` names or measures; empty: by this machine."""
        wanted = text.strip()
        if not wanted:
            self._naming.cancel()
            self._set(other=None, other_text="", other_failure=None)
            self.measured.emit()
            return
        self._set(other_text=wanted)
        self._naming.ask(_card_asker(self._ports, wanted))

    def offer(self) -> None:
        """Work out what would make the draft fit."""
        plan, shape, budget = self._asked.plan, self._asked.shape, self.state.judged
        if budget is not None and shape is not None and self.state.estimates:
            known, longest = self.outcomes, self._asked.longest_row_tokens
            self._offering.ask(
                lambda: self._ports.fit_plan(plan, shape, budget, known, longest)
            )

    def ask_which_card(self) -> None:
        """Ask every card known what the draft would need there."""
        plan, shape, known = self._asked.plan, self._asked.shape, self.outcomes
        if shape is not None and self.state.estimates:
            self._carding.ask(lambda: self._ports.which_cards(plan, shape, known))

    def drop_offer(self) -> None:
        """Forget what was offered."""
        self._offering.cancel()
        self._set(offer=None)

    @Slot(object)
    def _on_measured(self, found: Measured) -> None:
        is_other = found.budget != self.state.budget
        self._set(budget=found.budget, free_disk=found.free_disk)
        if is_other:
            self.measured.emit()

    @Slot(object)
    def _on_looked_back(self, found: tuple[Outcome, ...]) -> None:
        if found != self.outcomes:
            self.outcomes = found
            self.measured.emit()

    @Slot(object)
    def _on_named(self, budget: DeviceBudget) -> None:
        self._set(other=budget, other_failure=None)
        self.measured.emit()

    @Slot(object)
    def _on_unnamed(self, err: TunesmithError) -> None:
        self._set(other=None, other_failure=Failure.of(err))
        self.measured.emit()

    @Slot(object)
    def _on_offered(self, offer: Fit) -> None:
        self._set(offer=offer)

    @Slot(object)
    def _on_carded(self, cards: tuple[CardFit, ...]) -> None:
        self._set(cards=cards)

    @Slot(object)
    def _on_failed(self, err: TunesmithError) -> None:
        self._machine_failure = Failure.of(err)
        self._set(failure=self._machine_failure)

    def _set(self, **changes: Any) -> None:
        state = replace(self.state, **changes)
        if state != self.state:
            self.state = state
            self.changed.emit()


def _card_asker(ports: Ports, wanted: str) -> Callable[[], DeviceBudget]:
    memory, name = asked_card(wanted)
    return lambda: ports.device_budget(memory, name)
