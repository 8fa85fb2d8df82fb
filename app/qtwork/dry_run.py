"""Dry runs for a window: the exact peak of one plan at a time, remembered.

A dry run acts the engine's real step out on tensors without numbers, in a process of
its own; it needs neither the model's weights nor a graphics card, and some seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from app.qtwork.background import Background
from app.qtwork.process import TaskRunner
from core.errors import TunesmithError, WorkFailed
from core.estimate.loop import compute_dtype
from core.hardware.budget import DeviceBudget
from core.models.facts import ModelFacts
from core.plan.codec import to_tree
from core.plan.plan import Method, Plan, Training

_FLASH_SINCE = (8, 0)  # compute capability of the first cards that run flash attention


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRunKey:
    """All that a dry run's answer depends on: equal keys have equal answers."""

    model: str
    method: Method
    train: Training
    dtype: str
    has_flash: bool


def key_of(facts: ModelFacts, plan: Plan, budget: DeviceBudget) -> DryRunKey:
    """Return the key of `plan` for the model of `facts` on the device of `budget`.

    What changes no tensor's size, such as the learning rate, is left out of it.
    """
    method, train = plan.method, plan.train
    return DryRunKey(
        model=f"{facts.id} {plan.model.revision} {facts.path or ''}",
        method=replace(method, alpha=Method().alpha, use_rslora=False, init="default"),
        train=Training(
            batch_size=train.batch_size,
            # The second pass finds the first one's gradients; a third finds no more.
            gradient_accumulation=min(2, train.gradient_accumulation),
            seq_len=train.seq_len,
            optimizer=train.optimizer,
            gradient_checkpointing=train.gradient_checkpointing,
            packing=train.packing,
            attention=train.attention,
            max_grad_norm=train.max_grad_norm,
        ),
        dtype=compute_dtype(plan, budget),
        has_flash=(budget.compute_capability or _FLASH_SINCE) >= _FLASH_SINCE,
    )


class DryRuns(QObject):
    """Runs the newest one asked for, and remembers every answer while the window lives.

    Signals:
        changed (): one began, ended, is further, or is wanted no more.
    """

    changed = Signal()

    def __init__(
        self,
        config_of: Callable[[ModelFacts], Mapping[str, Any]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._config_of = config_of
        self._answers: dict[DryRunKey, int | TunesmithError] = {}
        self._wanted: DryRunKey | None = None
        self._started: DryRunKey | None = None
        self._plan = Plan()
        self._config: Mapping[str, Any] = {}
        self.progress: Mapping[str, Any] = {}
        """What the child that runs said last of how far it is; empty before."""
        self._reading = Background(self)
        self._reading.answered.connect(self._on_read)
        self._reading.failed.connect(self._on_unread)
        self._task = TaskRunner(self)
        self._task.progressed.connect(self._on_progressed)
        self._task.succeeded.connect(self._on_answered)
        self._task.failed.connect(self._on_failed)
        self._task.finished.connect(self._on_finished)

    @property
    def running(self) -> DryRunKey | None:
        """What is being run now."""
        return self._wanted

    def tensors(self, key: DryRunKey) -> int | None:
        """Return the bytes of all tensors at the peak; None until that is known."""
        found = self._answers.get(key)
        return found if isinstance(found, int) else None

    def failure(self, key: DryRunKey) -> TunesmithError | None:
        """Return why the last dry run of `key` gave no figure, if it did not."""
        found = self._answers.get(key)
        return found if isinstance(found, TunesmithError) else None

    def start(self, facts: ModelFacts, plan: Plan, budget: DeviceBudget) -> None:
        """Run `plan` dry unless that is known or under way; a newer ask ends an older.

        A failure is no answer: asking again tries again.
        """
        key = key_of(facts, plan, budget)
        if key == self._wanted or self.tensors(key) is not None:
            return
        self._answers.pop(key, None)
        self._wanted, self._plan, self.progress = key, plan, {}
        self._task.cancel()
        self._reading.ask(lambda: self._config_of(facts))
        self.changed.emit()

    def cancel(self) -> None:
        """End the one that runs."""
        if self._wanted is not None:
            self._wanted = None
            self._reading.cancel()
            self._task.cancel()
            self.changed.emit()

    def shut_down(self) -> None:
        """End the child and wait until it is gone: for closing the window."""
        self._wanted = None
        self._reading.cancel()
        self._task.shut_down()

    @Slot(object)
    def _on_read(self, config: Mapping[str, Any]) -> None:
        self._config = config
        if not self._task.is_busy:  # else the one being ended begins it
            self._begin()

    def _begin(self) -> None:
        key = self._wanted
        if key is None:
            return
        self._started = key
        self._task.start(
            "dry_run",
            {
                "config": dict(self._config),
                "plan": to_tree(self._plan),
                "dtype": key.dtype,
                "has_flash": key.has_flash,
            },
        )

    @Slot(object)
    def _on_progressed(self, event: Mapping[str, Any]) -> None:
        if self._started is not None and self._started == self._wanted:
            self.progress = event
            self.changed.emit()

    @Slot(object)
    def _on_answered(self, result: Mapping[str, Any]) -> None:
        tensors = result.get("tensors")
        if self._started is None:
            return
        # Right even where it is wanted no more: undo may bring the settings back.
        self._answers[self._started] = (
            tensors if isinstance(tensors, int) else _no_figure()
        )

    @Slot(object)
    def _on_unread(self, err: TunesmithError) -> None:
        if self._wanted is not None:
            self._answers[self._wanted] = err
            self._wanted = None
            self.changed.emit()

    @Slot(object)
    def _on_failed(self, err: TunesmithError) -> None:
        if err.code != "cancelled" and self._started is not None:
            self._answers[self._started] = err

    @Slot()
    def _on_finished(self) -> None:
        self._started = None
        if self._wanted is not None and self._wanted not in self._answers:
            if not self._reading.is_busy:
                self._begin()
            return
        self._wanted = None
        self.changed.emit()


def _no_figure() -> TunesmithError:
    return WorkFailed(
        "dry_run.no_figure",
        "The dry run ended without a figure.",
        hint="The formula's figure stands; try again.",
    )
