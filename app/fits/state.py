"""All the page knows, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from app.setup.state import ExactState, Failure
from core.estimate.answer import MemoryEstimate
from core.estimate.explain import Formula
from core.estimate.learned import Outcome
from core.estimate.uses.price import UseEstimate, UseKind
from core.hardware.budget import DeviceBudget
from core.models.facts import ModelFacts
from core.models.shape import ModelShape
from core.plan.fields import value_of, with_value
from core.plan.plan import MethodKind, Plan
from core.planner.advice import Fit
from core.planner.forecast import Forecast
from core.planner.which_card import CardFit

Shown = Literal["all", "fits", "here"]
Estimates = Mapping[MethodKind, MemoryEstimate]

COMPARED: Final[tuple[MethodKind, ...]] = ("lora", "qlora", "lora8", "full")

USES: Final[tuple[UseKind, ...]] = ("chat", "evaluate", "merge", "export")

CHOSEN_HERE: Final = (
    "method.kind",
    "method.rank",
    "train.batch_size",
    "train.seq_len",
    "train.gradient_accumulation",
    "train.gradient_checkpointing",
    # what "Make it fit" may change besides
    "method.target_modules",
    "method.double_quant",
    "train.optimizer",
    "train.attention",
)
"""The plan keys memory hangs on; the rest of a plan passes through this page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one model needs by one method with the settings of the page."""

    as_set: MemoryEstimate
    checkpointed: MemoryEstimate | None = None
    """With gradient checkpointing, where that alone makes it fit."""

    @property
    def estimate(self) -> MemoryEstimate:
        """The one that fits, if one does."""
        return self.checkpointed or self.as_set


Prices = Mapping[MethodKind, Price]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitsState:
    """The question (model, device, settings) and what is known of the answer."""

    plan: Plan = field(default_factory=Plan)
    listed: tuple[ModelFacts, ...] | None = None
    """None until the first listing is there."""
    chosen: ModelFacts | None = None
    shape: ModelShape | None = None
    model_text: str = ""
    """What was typed for a model that could not be found."""
    model_failure: Failure | None = None
    budget: DeviceBudget | None = None
    """This machine's device; None until it was looked at."""
    other: DeviceBudget | None = None
    """The card asked about instead."""
    device_key: str = ""
    """The card's name, the size typed, or empty for this machine."""
    device_failure: Failure | None = None
    failure: Failure | None = None
    compares_all: bool = False
    estimates: Estimates = field(default_factory=dict[MethodKind, MemoryEstimate])
    cells: Mapping[tuple[int, int], MemoryEstimate] = field(
        default_factory=dict[tuple[int, int], MemoryEstimate]
    )
    """(batch size, length) to its estimate by the method chosen."""
    prices: Mapping[str, Prices] = field(default_factory=dict[str, Prices])
    """Model id to its estimates, for the model × method grid."""
    priced_for: object = None
    """`settings` as they were when the prices were worked out."""
    longest: Mapping[str, int] = field(default_factory=dict[str, int])
    """Model id to the longest sequence that fits, for rows that were in view."""
    outcomes: tuple[Outcome, ...] = ()
    """What this machine's runs came to, newest last."""
    forecast: Forecast | None = None
    formulas: Mapping[str, Formula] = field(default_factory=dict[str, Formula])
    """Component to how it comes about, for the method chosen."""
    uses: tuple[UseEstimate, ...] = ()
    cards: tuple[CardFit, ...] = ()
    """Every card for the method chosen, the smallest that fits first."""
    offer: Fit | None = None
    """What "Make it fit" changed; until the next edit."""
    exact: ExactState = field(default_factory=ExactState)
    host_free: int | None = None
    disk_free: int | None = None
    query: str = ""
    shown: Shown = "all"

    @property
    def judged(self) -> DeviceBudget | None:
        """The device the answers are for."""
        return self.other or self.budget

    @property
    def settings(self) -> tuple[object, ...]:
        """What the prices of all models hang on, free memory aside: it moves by itself."""
        method = replace(self.plan.method, kind="lora")  # each is priced by every kind
        card = (self.judged.name, self.judged.total) if self.judged else None
        return method, self.plan.train, card, self.compares_all

    @property
    def are_prices_old(self) -> bool:
        """Whether the prices answer the question before this one."""
        return bool(self.prices) and self.priced_for != self.settings

    @property
    def estimate(self) -> MemoryEstimate | None:
        """The answer for the method chosen."""
        return self.estimates.get(self.plan.method.kind)


def into_draft(draft: Plan, plan: Plan) -> Plan:
    """Return `draft` with the model and the settings this page changes from `plan`."""
    made = draft
    if plan.model.id != draft.model.id:
        made = with_value(made, "model.id", plan.model.id)
        made = with_value(made, "model.revision", plan.model.revision)
    for key in CHOSEN_HERE:
        made = with_value(made, key, value_of(plan, key))
    return made
