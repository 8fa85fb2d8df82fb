"""All the Train page knows, as one frozen value.

The view-model replaces it, `app.setup.present` reads it; neither keeps anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from app.qtwork.window_words import in_window
from app.setup.report import DataReport, Preview
from core.errors import TunesmithError
from core.estimate.answer import MemoryEstimate
from core.estimate.explain import Formula
from core.hardware.budget import DeviceBudget
from core.models.facts import ModelFacts
from core.models.shape import ModelShape
from core.plan.plan import MethodKind, Plan
from core.planner.advice import Fit
from core.planner.forecast import Forecast
from core.planner.which_card import CardFit

Step = Literal["model", "data", "method", "fit", "start"]
STEPS: Final[tuple[Step, ...]] = ("model", "data", "method", "fit", "start")
Pause = Literal["cannot", "can", "paused"]
Shown = Literal["all", "fits", "here", "download"]


NEEDS_COLUMNS: Final = frozenset({"dataset.format_unknown", "dataset.column_missing"})
"""Failures a person mends by saying which column plays which role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Something under way: how far, and how fast where that is known."""

    what: str
    done: float = 0.0
    total: float | None = None
    unit: str = ""
    per_s: float | None = None
    pause: Pause = "cannot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What went wrong, and what to do."""

    message: str
    hint: str = ""
    code: str = ""

    @staticmethod
    def of(err: TunesmithError) -> Failure:
        """Return `err` as a value to show."""
        return Failure(message=err.message, hint=in_window(err.hint), code=err.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelState:
    """Step 1: which models there are and which one is meant."""

    listed: tuple[ModelFacts, ...] | None = None
    """None until the first listing is there."""
    found: tuple[ModelFacts, ...] = ()
    """What the Hub answered to the last search."""
    searched: str = ""
    fits: Mapping[str, Mapping[MethodKind, MemoryEstimate]] = field(
        default_factory=dict[str, Mapping[MethodKind, MemoryEstimate]]
    )
    query: str = ""
    shown: Shown = "all"
    chosen: ModelFacts | None = None
    shape: ModelShape | None = None
    unusable: Failure | None = None
    """Why the chosen id is no model that can be used; stays until another is chosen."""
    failure: Failure | None = None
    """What went wrong with a search, a download, a folder."""
    work: Work | None = None
    work_id: str = ""
    """The model the work is about."""
    is_searching: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DataState:
    """Step 2: what the files hold, as far as they were looked at."""

    report: DataReport | None = None
    columns: tuple[str, ...] = ()
    """The first file's columns, where its format could not be told from them."""
    is_stale: bool = False
    """Something changed since the report was made."""
    failure: Failure | None = None
    work: Work | None = None
    preview: Preview | None = None
    preview_row: int = 0
    preview_failure: Failure | None = None
    is_previewing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactState:
    """What dry runs know of the draft as it is. Bytes of all tensors at the peak."""

    tensors: int | None = None
    """As a dry run of these very settings found it."""
    formula: int = 0
    """As the formula has it for them."""
    earlier: int | None = None
    """As the last dry run of this model found it, with settings changed since."""
    is_running: bool = False
    work: Work | None = None
    """How far the one that runs is."""
    can_run: bool = False
    why_not: str = "Choose a model first."
    """Why it cannot be run."""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FitState:
    """Step 4: this machine, perhaps another card, and what the plan needs there."""

    budget: DeviceBudget | None = None
    other: DeviceBudget | None = None
    other_text: str = ""
    other_failure: Failure | None = None
    estimates: Mapping[MethodKind, MemoryEstimate] = field(
        default_factory=dict[MethodKind, MemoryEstimate]
    )
    failure: Failure | None = None
    recommended: MethodKind | None = None
    recommended_why: str = ""
    offer: Fit | None = None
    """What "Make it fit" would change; not yet applied."""
    exact: ExactState = field(default_factory=ExactState)
    compares_all: bool = False
    free_disk: int | None = None
    forecast: Forecast | None = None
    """How fast the draft would learn; None where no rate is known."""
    forecasts: Mapping[MethodKind, Forecast] = field(
        default_factory=dict[MethodKind, Forecast]
    )
    """The same by each method that can be trained."""
    formulas: Mapping[str, Formula] = field(default_factory=dict[str, Formula])
    """How each component of the draft's estimate comes about, by its name."""
    cards: tuple[CardFit, ...] | None = None
    """What the draft needs on every card known, where that was asked."""

    @property
    def judged(self) -> DeviceBudget | None:
        """The device the estimates are for."""
        return self.other or self.budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A plan file of the person's own, and the plan it holds."""

    path: str
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupState:
    """The draft and everything known about it."""

    plan: Plan = field(default_factory=Plan)
    step: Step = "model"
    can_undo: bool = False
    can_redo: bool = False
    is_offline: bool = False
    models: ModelState = field(default_factory=ModelState)
    data: DataState = field(default_factory=DataState)
    fit: FitState = field(default_factory=FitState)
    setting_query: str = ""
    saved: Saved | None = None
    running: tuple[str, ...] = ()
    """Names of runs that train on this machine now."""
    held_by: str = ""
    """Who must give the device back before the run can start; asked at the start."""
    is_starting: bool = False
    start_failure: Failure | None = None
    notice: str = ""
    """A word about the draft itself: loaded, could not be saved."""
