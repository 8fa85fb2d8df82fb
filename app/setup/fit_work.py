"""Work of step 4: measure the device, price the plan, find what would make it fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from app.qtwork.background import Background
from app.setup.pace import Pace
from app.setup.ports import Ports
from app.setup.state import Failure, FitState
from app.setup.words import TRAINABLE
from core.errors import TunesmithError
from core.estimate.advice import Fit
from core.estimate.answer import MemoryEstimate
from core.hardware.budget import DeviceBudget
from core.models.shape import ModelShape
from core.plan.fields import with_value
from core.plan.plan import MethodKind, Plan
from core.units import parse_bytes

_ALL: tuple[MethodKind, ...] = ("lora", "qlora", "lora8", "full")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The device and the disk as they are now."""

    budget: DeviceBudget
    free_disk: int


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

    def reckon(self, plan: Plan, shape: ModelShape | None) -> None:
        """Price `plan` by every method on show."""
        budget = self.state.judged
        if budget is None or shape is None:
            self._set(estimates={}, recommended=None, recommended_why="")
            return
        kinds = _ALL if self.state.compares_all else TRAINABLE
        try:
            estimates = {
                kind: self._ports.estimate(
                    with_value(plan, "method.kind", kind), shape, budget
                )
                for kind in kinds
            }
            recommended, why = self._ports.recommend(plan, shape, budget)
        except TunesmithError as err:
            self._set(estimates={}, recommended=None, failure=Failure.of(err))
            return
        self._set(
            estimates=estimates,
            recommended=recommended if recommended in TRAINABLE else None,
            recommended_why=why,
            failure=None,
        )

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

    def offer(self, plan: Plan, shape: ModelShape | None) -> None:
        """Work out what would make `plan` fit."""
        budget = self.state.judged
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
