"""Will base and adapters fit, asked before they are loaded and off the window's thread."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, cast

from PySide6.QtCore import QObject, Signal, Slot

from app.chat.views import ChatFacts
from app.qtwork.background import Background
from core.errors import PlanError
from core.estimate.uses.price import UseEstimate, use_estimate
from core.hardware.budget import DeviceBudget, device_budget
from core.hardware.machine import machine
from core.library.record import AdapterRecord
from core.models.facts import ModelFacts
from core.models.find import shape_of
from core.models.shape import ModelShape
from core.places import Places
from core.plan.codec import from_tree
from core.plan.plan import Method, Plan

# A conversation of some length: what is asked about before there is one.
_CONTEXT_TOKENS: Final = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class FitQuestion:
    """What would be in memory, and how long the talk may grow."""

    base: ModelFacts
    adapters: tuple[AdapterRecord, ...]
    quantized: bool
    context: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FitAnswer:
    """What loading would take."""

    estimate: UseEstimate | None = None
    """None where nobody can tell."""
    leaner: UseEstimate | None = None
    """With the base in 4 bit, where that fits and this does not."""


def question_of(facts: ChatFacts, base: ModelFacts | None) -> FitQuestion | None:
    """Return what loading now would mean; None where there is nothing to load."""
    if base is None or facts.engine.phase not in {"none", "dead"}:
        return None
    said = [a for turn in facts.transcript.turns for a in turn.answers]
    longest = max((a.prompt_tokens + a.tokens for a in said), default=0)
    return FitQuestion(
        base=base,
        adapters=tuple(
            record
            for record in facts.adapters
            if record.adapter_id in facts.chosen and record.ok
        ),
        quantized=facts.quantized,
        context=max(_CONTEXT_TOKENS, longest + facts.sampling.max_tokens),
    )


class Fitting(QObject):
    """Asks once for each new question.

    Signals:
        answered (): `found` is another.
    """

    answered = Signal()

    def __init__(
        self,
        places: Places,
        *,
        budget: Callable[[], DeviceBudget] = device_budget,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.found = FitAnswer()
        self._places = places
        self._budget = budget
        self._asked: FitQuestion | None = None
        self._is_fresh = True
        self._asking = Background(self)
        self._asking.answered.connect(self._on_answer)
        # a base whose sizes nobody can read is refused in words when it is loaded
        self._asking.failed.connect(self._on_failed)

    def look(self, question: FitQuestion | None) -> None:
        """Ask, unless this is what was asked last."""
        if question == self._asked and self._is_fresh:
            return
        self._asked, self._is_fresh = question, True
        if question is None:
            self._asking.cancel()
            self.found = FitAnswer()
            return
        places, budget = self._places, self._budget
        self._asking.ask(lambda: weighed(question, places, budget()))

    @Slot()
    def forget(self) -> None:
        """Let the same question be asked anew: what is free has changed."""
        self._is_fresh = False

    def cancel(self) -> None:
        """Want no answer any more."""
        self._asking.cancel()

    @Slot(object)
    def _on_failed(self, _: object) -> None:
        self._on_answer(FitAnswer())

    @Slot(object)
    def _on_answer(self, answer: object) -> None:
        self.found = cast("FitAnswer", answer)
        self.answered.emit()


def weighed(question: FitQuestion, places: Places, budget: DeviceBudget) -> FitAnswer:
    """Return what the talk takes on `budget`'s device, the largest adapter counting.

    Raises:
        TunesmithError: The base's sizes cannot be read.
    """
    shape = shape_of(question.base, places)
    found = _estimate(question, shape, budget)
    if found.fits or question.quantized:
        return FitAnswer(estimate=found)
    leaner = _estimate(replace(question, quantized=True), shape, budget)
    return FitAnswer(estimate=found, leaner=leaner if leaner.fits else None)


def _estimate(
    question: FitQuestion, shape: ModelShape, budget: DeviceBudget
) -> UseEstimate:
    methods = [_method(record) for record in question.adapters]
    widest = max(methods, key=lambda method: method.rank, default=Method())
    kind = "qlora" if question.quantized else "lora"
    longest = shape.context_length or question.context
    return use_estimate(
        "chat",
        # the chat picks its number format itself
        replace(Plan(), method=replace(widest, kind=kind, compute_dtype="auto")),
        shape,
        budget,
        context=min(question.context, longest),
        adapters=len(methods),
        host_free=machine().memory_free,
    )


def _method(record: AdapterRecord) -> Method:
    """Return how the adapter was made; one from elsewhere may tell its rank alone."""
    with contextlib.suppress(PlanError):
        if record.plan:
            return from_tree(record.plan).method
    return Method(rank=max(1, record.rank or Method().rank))
