"""Dry runs of the draft: when to run one, and what they know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.qtwork.dry_run import DryRunKey, DryRuns, key_of
from app.setup.state import ExactState, Failure, Work
from app.setup.words import METHOD_NAMES, TRAINABLE
from core.estimate.answer import MemoryEstimate
from core.hardware.budget import DeviceBudget
from core.models.facts import ModelFacts
from core.models.shape import ModelShape
from core.models.trainable import untrained
from core.plan.plan import Plan

_SETTLE_MS: Final = 600  # a person still changing settings has not decided yet
_CLOSE_CALLS: Final = frozenset({"tight", "unknown"})


class ExactWork(QObject):
    """Runs the draft dry: when asked, and by itself where the formula is not sure.

    Signals:
        changed (): more is known, or one began, ended, or is further.
    """

    changed = Signal()

    def __init__(
        self,
        config_of: Callable[[ModelFacts], Mapping[str, Any]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._runs = DryRuns(config_of, self)
        self._runs.changed.connect(self.changed)
        self._newest: DryRunKey | None = None
        self._draft: tuple[ModelFacts, Plan, DeviceBudget] | None = None
        self._why_not = ""
        self._declined: DryRunKey | None = None
        self._is_close = False
        self._checks = False
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._check)

    @property
    def is_waiting(self) -> bool:
        """Whether a dry run begins by itself once the settings rest."""
        return self._settle.isActive()

    def tensors(
        self, facts: ModelFacts | None, plan: Plan, budget: DeviceBudget
    ) -> int | None:
        """Return the bytes of all tensors as a dry run of `plan` found them."""
        return (
            None if facts is None else self._runs.tensors(key_of(facts, plan, budget))
        )

    def follow(
        self,
        facts: ModelFacts | None,
        plan: Plan,
        shape: ModelShape | None,
        budget: DeviceBudget | None,
    ) -> None:
        """Take `plan` as the draft; a dry run of other settings is ended."""
        self._draft, self._why_not = None, "Choose a model first."
        if facts is not None and shape is not None and budget is not None:
            self._why_not = _why_not(plan, shape)
            if not self._why_not:
                self._draft = facts, plan, budget
        wanted = key_of(*self._draft) if self._draft else None
        if self._runs.running not in {None, wanted}:
            self._runs.cancel()

    def state(self, formula: Callable[[], int]) -> ExactState:
        """Return what is known of the draft.

        Args:
            formula: Returns its tensors' bytes by the formula; asked where a dry run
                found them too.
        """
        if self._draft is None:
            return ExactState(why_not=self._why_not)
        key = key_of(*self._draft)
        found, failure = self._runs.tensors(key), self._runs.failure(key)
        if found is not None:
            self._newest = key
        last, is_running = self._newest, self._runs.running == key
        is_same_model = last is not None and last.model == key.model
        return ExactState(
            tensors=found,
            formula=0 if found is None else formula(),
            earlier=self._runs.tensors(last) if last and is_same_model else None,
            is_running=is_running,
            work=_work(self._runs.progress) if is_running else None,
            can_run=True,
            failure=None if failure is None else Failure.of(failure),
        )

    def run(self) -> None:
        """Run the draft dry; its answer is remembered."""
        self._declined = None
        if self._draft is not None:
            self._runs.start(*self._draft)

    def cancel(self) -> None:
        """End the dry run that is under way; none of the same begins by itself."""
        self._settle.stop()
        self._declined = self._runs.running
        self._runs.cancel()

    def look_closer(self, *, checks: bool) -> None:
        """Run dry whatever the formula cannot be sure of, from now on or no more."""
        self._checks = checks
        self._again()

    def judge(self, estimate: MemoryEstimate | None, *, is_known: bool) -> None:
        """Hear what the formula says of the draft, and whether it knows the layers."""
        is_close = estimate is not None and estimate.verdict in _CLOSE_CALLS
        self._is_close = is_close or (estimate is not None and not is_known)
        self._again()

    def shut_down(self) -> None:
        """End the child that runs."""
        self._settle.stop()
        self._runs.shut_down()

    def _again(self) -> None:
        if self._checks and self._is_close:
            self._settle.start()
        else:
            self._settle.stop()

    @Slot()
    def _check(self) -> None:
        if self._draft is None:
            return
        key = key_of(*self._draft)
        if key != self._declined and self._runs.failure(key) is None:
            self._runs.start(*self._draft)


def _work(event: Mapping[str, Any]) -> Work:
    """Return how far a child is by its last word; before its first it starts."""
    return Work(
        what=str(event.get("what") or "Starting a dry run"),
        done=float(event.get("done") or 0),
        total=float(event.get("total") or 100),
        unit=str(event.get("unit") or "%"),
    )


def _why_not(plan: Plan, shape: ModelShape) -> str:
    """Return why the engine has no step of `plan` to act out; empty if it has."""
    if plan.method.kind not in TRAINABLE:
        return f"This version does not train by {METHOD_NAMES[plan.method.kind]}."
    found = untrained(shape)
    return "" if found is None else found.message
