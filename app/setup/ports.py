"""What the Train page asks of the world, gathered in one value.

A view-model is given functions, not global objects; the tests give small real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol, cast

from app.services import RunGlance, Services
from core import durable
from core.data.layout import columns_of
from core.data.read import open_source
from core.data.records import Record
from core.data.starter import starter_file
from core.estimate.answer import MemoryEstimate
from core.estimate.explain import Formula, explain
from core.estimate.learned import Outcome
from core.estimate.loop import habits
from core.estimate.memory import estimate, tensors
from core.hardware.budget import DeviceBudget, device_budget
from core.hardware.cards import cards
from core.models.added import add_model
from core.models.facts import ModelFacts
from core.models.find import all_models, config_of, find_model, shape_of
from core.models.shape import ModelShape
from core.places import Places
from core.plan.plan import MethodKind, Plan
from core.planner.advice import Fit, fit_plan, recommend
from core.planner.forecast import Forecast, forecast
from core.planner.which_card import CardFit, which_cards
from core.prepare import new_run
from core.runs.folder import RunFolder
from core.runs.outcomes import read_outcomes

_LOOK_AT_ROWS: Final = 64
Outcomes = Sequence[Outcome]


class Estimator(Protocol):
    """Prices one plan: `core.estimate.memory.estimate`."""

    def __call__(
        self,
        plan: Plan,
        shape: ModelShape,
        budget: DeviceBudget,
        *,
        measured_tensors: int | None = None,
        outcomes: Outcomes = (),
    ) -> MemoryEstimate:
        """Return the peak by the formula, or as a dry run and earlier runs have it."""
        ...


class Forecaster(Protocol):
    """Says how fast a plan would learn: `core.planner.forecast.forecast`."""

    def __call__(
        self,
        plan: Plan,
        shape: ModelShape,
        budget: DeviceBudget,
        outcomes: Outcomes = (),
        *,
        row_tokens: float | None = None,
    ) -> Forecast | None:
        """Return the rate, or None where none is known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Functions of `core`, bound to one place on disk."""

    places: Places
    list_models: Callable[[], tuple[ModelFacts, ...]]
    find_model: Callable[[str], ModelFacts]
    shape_of: Callable[[ModelFacts], ModelShape]
    add_model: Callable[[str], ModelFacts]
    device_budget: Callable[[int | None, str | None], DeviceBudget]
    estimate: Estimator
    tensors: Callable[[Plan, ModelShape, DeviceBudget], int]
    """Bytes of all tensors at the peak by the formula: what a dry run measures."""
    config_of: Callable[[ModelFacts], Mapping[str, Any]]
    recommend: Callable[
        [Plan, ModelShape, DeviceBudget, Outcomes], tuple[MethodKind, str]
    ]
    fit_plan: Callable[[Plan, ModelShape, DeviceBudget, Outcomes, int | None], Fit]
    """The last is the data's longest row in tokens, where it is known."""
    forecast: Forecaster
    explain: Callable[
        [Plan, ModelShape, DeviceBudget, MemoryEstimate], Mapping[str, Formula]
    ]
    which_cards: Callable[[Plan, ModelShape, Outcomes], tuple[CardFit, ...]]
    card_names: tuple[str, ...]
    columns_of: Callable[[Path], tuple[str, ...]]
    starter_data: Callable[[], Path]
    free_disk: Callable[[], int]
    outcomes: Callable[[], tuple[Outcome, ...]]
    """What this machine's runs came to, newest last."""
    new_run: Callable[[Plan, bool, int | None], RunFolder]
    """Make a run of a plan, against the estimate if told, by a dry run's tensors."""
    start_run: Callable[[RunFolder], None]
    is_offline: Callable[[], bool]
    hub_environment: Callable[[], Mapping[str, str]]
    running: Callable[[], tuple[str, ...]]
    """Names of the runs that train now."""
    device_holder: Callable[[], str]
    """Who else in this window has the device, such as “the chat”; empty if nobody."""
    ask_device_back: Callable[[], None]


def ports(services: Services) -> Ports:
    """Return the real ones."""
    places = services.places
    return Ports(
        places=places,
        list_models=lambda: all_models(places),
        find_model=lambda wanted: find_model(wanted, places),
        shape_of=lambda facts: shape_of(facts, places),
        add_model=lambda wanted: add_model(wanted, places),
        device_budget=device_budget,
        estimate=estimate,
        tensors=formula_tensors,
        config_of=lambda facts: config_of(facts, places),
        recommend=lambda plan, shape, budget, known: recommend(
            plan, shape, budget, outcomes=known
        ),
        fit_plan=lambda plan, shape, budget, known, longest: fit_plan(
            plan, shape, budget, outcomes=known, longest_row_tokens=longest
        ),
        forecast=forecast,
        explain=explain,
        which_cards=lambda plan, shape, known: which_cards(plan, shape, outcomes=known),
        card_names=tuple(card.name for card in cards()),
        columns_of=columns_of_file,
        starter_data=starter_file,
        free_disk=lambda: durable.free_bytes(places.runs),
        outcomes=lambda: read_outcomes(places),
        new_run=lambda plan, force, exact: new_run(
            plan, places, force=force, measured_tensors=exact
        ),
        start_run=services.launcher.start,
        is_offline=services.is_offline,
        hub_environment=lambda: hub_environment(
            services.token.read(), is_offline=services.is_offline()
        ),
        running=lambda: running_names(services.pulse.runs),
        device_holder=lambda: services.lease.taken_by,
        ask_device_back=services.lease.ask_back,
    )


def formula_tensors(plan: Plan, shape: ModelShape, budget: DeviceBudget) -> int:
    """Return the bytes of all tensors at the peak, as the formula has them."""
    return tensors(plan, shape, habits(plan, budget, "tunesmith"))


def columns_of_file(path: Path) -> tuple[str, ...]:
    """Return the columns of a data file, as far as its beginning tells.

    Raises:
        DatasetError: It is no data file.
    """
    beginning = islice(open_source(path).items, _LOOK_AT_ROWS)
    return columns_of([item for item in beginning if isinstance(item, Record)])


def running_names(runs: object) -> tuple[str, ...]:
    """Return the names of those glances at runs that train now."""
    glances = cast("tuple[RunGlance, ...]", runs or ())
    return tuple(run.name or run.run_id for run in glances if run.status == "running")


def hub_environment(token: str, *, is_offline: bool) -> dict[str, str]:
    """Return what a child that talks to the Hub gets beside our own environment."""
    given = {"HF_TOKEN": token} if token else {}
    return given | ({"HF_HUB_OFFLINE": "1"} if is_offline else {})
