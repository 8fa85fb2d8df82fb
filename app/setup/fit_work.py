"""Work of step 4: measure the device, price the plan, find what would make it fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.qtwork.background import Background
from app.qtwork.dry_run import DryRunKey, DryRuns, key_of
from app.setup.pace import Pace
from app.setup.ports import Ports
from app.setup.state import ExactState, Failure, FitState
from app.setup.words import TRAINABLE
from core.errors import TunesmithError
from core.estimate.advice import Fit
from core.estimate.answer import MemoryEstimate
from core.hardware.budget import DeviceBudget
from core.models.facts import ModelFacts
from core.models.shape import ModelShape
from core.plan.fields import with_value
from core.plan.plan import MethodKind, Plan
from core.units import parse_bytes

_SETTLE_MS: Final = 600  # a person still changing settings has not decided yet
_CLOSE_CALLS: Final = frozenset({"tight", "unknown"})
_ALL: tuple[MethodKind, ...] = ("lora", "qlora", "lora8", "full")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The device and the disk as they are now."""

    budget: DeviceBudget
    free_disk: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be priced: the draft, and its model as far as that is known."""

    plan: Plan
    shape: ModelShape | None = None
    facts: ModelFacts | None = None


class FitWork(QObject):
    """Owns the `FitState`.

    An estimate takes well under a frame, so `reckon` answers at once and a slider is
    followed without a thread; everything that asks the machine goes off it.

    Signals:
        changed (): the state is another.
        measured (): the device to judge by is another.
    """

    changed = Signal()
    measured = Signal()

    def __init__(self, ports: Ports, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = FitState()
        self._ports = ports
        self._measuring = Background(self)
        self._measuring.answered.connect(self._on_measured)
        self._measuring.failed.connect(self._on_failed)
        self._asked = Asked(plan=Plan())
        self._newest: tuple[str, int] | None = None
        self._checks = False
        self._dry = DryRuns(ports.config_of, self)
        self._dry.changed.connect(self._on_dry_changed)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._check)
        self._looking_back = Background(self)
        self._looking_back.answered.connect(self._on_looked_back)
        self._naming = Background(self)
        self._naming.answered.connect(self._on_named)
        self._naming.failed.connect(self._on_unnamed)
        self._offering = Background(self)
        self._offering.answered.connect(self._on_offered)
        self._offering.failed.connect(self._on_failed)

    def look_back(self) -> None:
        """Read how fast the last runs were."""
        self._looking_back.ask(self._ports.paces)

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
        self._asked = asked
        plan, shape, budget = asked.plan, asked.shape, self.state.judged
        if budget is None or shape is None:
            self._dry.cancel()
            self._set(
                estimates={}, recommended=None, recommended_why="", exact=ExactState()
            )
            return
        kinds = _ALL if self.state.compares_all else TRAINABLE
        try:
            estimates = {
                kind: self._price(with_value(plan, "method.kind", kind), shape, budget)
                for kind in kinds
            }
            recommended, why = self._ports.recommend(plan, shape, budget)
            exact = self._exact(plan, shape, budget)
        except TunesmithError as err:
            self._set(estimates={}, recommended=None, failure=Failure.of(err))
            return
        self._set(
            estimates=estimates,
            recommended=recommended if recommended in TRAINABLE else None,
            recommended_why=why,
            exact=exact,
            failure=None,
        )
        if self._checks:
            self._settle.start()

    def _price(
        self, plan: Plan, shape: ModelShape, budget: DeviceBudget
    ) -> MemoryEstimate:
        key = self._key(plan, budget)
        known = None if key is None else self._dry.tensors(key)
        return self._ports.estimate(plan, shape, budget, measured_tensors=known)

    # -- the exact figure --------------------------------------------------------

    @property
    def measured_tensors(self) -> int | None:
        """What a dry run found for the draft on this machine, if one did."""
        return self.state.exact.tensors if self.state.other is None else None

    def run_dry(self) -> None:
        """Find the exact figure for the draft as it is."""
        facts, budget = self._asked.facts, self.state.judged
        if facts is not None and budget is not None:
            self._dry.start(facts, self._asked.plan, budget)

    def cancel_dry_run(self) -> None:
        """End the dry run that is under way, and begin none by itself any more."""
        self._settle.stop()
        self._dry.cancel()

    def check_close_calls(self, *, checks: bool) -> None:
        """Let a dry run look closer wherever the formula cannot be sure, or not."""
        self._checks = checks
        if checks:
            self._settle.start()
        else:
            self._settle.stop()

    @Slot()
    def _check(self) -> None:
        found = self.state.estimates.get(self._asked.plan.method.kind)
        exact = self.state.exact
        is_known = exact.tensors is not None or exact.failure is not None
        shape = self._asked.shape
        if found is None or shape is None or is_known or not exact.can_run:
            return
        if found.verdict in _CLOSE_CALLS or not shape.known:
            self.run_dry()

    def _exact(self, plan: Plan, shape: ModelShape, budget: DeviceBudget) -> ExactState:
        """Return what is known of the draft; a dry run of other settings is ended."""
        key = self._key(plan, budget)
        if key is None:
            return ExactState()
        if self._dry.running not in {None, key}:
            self._dry.cancel()
        found, failure = self._dry.tensors(key), self._dry.failure(key)
        if found is not None:
            self._newest = key.model, found
        is_same = self._newest is not None and self._newest[0] == key.model
        return ExactState(
            tensors=found,
            formula=None if found is None else self._ports.tensors(plan, shape, budget),
            earlier=self._newest[1] if self._newest and is_same else None,
            is_running=self._dry.running == key,
            can_run=plan.method.kind in TRAINABLE,
            failure=None if failure is None else Failure.of(failure),
        )

    def _key(self, plan: Plan, budget: DeviceBudget) -> DryRunKey | None:
        facts = self._asked.facts
        return None if facts is None else key_of(facts, plan, budget)

    @Slot()
    def _on_dry_changed(self) -> None:
        self.reckon(self._asked)

    def shut_down(self) -> None:
        """End the child that runs."""
        self._settle.stop()
        self._dry.shut_down()

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
        if budget is not None and shape is not None:
            self._offering.ask(lambda: self._ports.fit_plan(plan, shape, budget))

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
    def _on_looked_back(self, found: tuple[Pace, ...]) -> None:
        self._set(paces=found)

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
    def _on_failed(self, err: TunesmithError) -> None:
        self._set(failure=Failure.of(err))

    def _set(self, **changes: Any) -> None:
        state = replace(self.state, **changes)
        if state != self.state:
            self.state = state
            self.changed.emit()


def _card_asker(ports: Ports, wanted: str) -> Callable[[], MemoryEstimate | object]:
    try:
        memory = parse_bytes(wanted)
    except ValueError:
        return lambda: ports.device_budget(None, wanted)
    # "12" alone means 12 GiB: nobody asks about a card of twelve bytes.
    if memory < 1024:
        memory = parse_bytes(f"{memory}GiB")
    return lambda: ports.device_budget(memory, None)
