"""What the page asks of the world, gathered in one value."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.services import Services
from app.setup.draft import draft_file
from app.setup.ports import Estimator, formula_tensors
from core import durable
from core.errors import PlanError
from core.estimate.learned import Outcome
from core.estimate.memory import estimate
from core.hardware.budget import DeviceBudget, device_budget
from core.hardware.machine import machine
from core.models.facts import ModelFacts
from core.models.find import all_models, config_of, find_model, shape_of
from core.models.shape import ModelShape
from core.places import Places
from core.plan.codec import read_plan
from core.plan.plan import Plan
from core.planner.advice import Fit, fit_plan
from core.runs.outcomes import read_outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class FitsPorts:
    """Functions of `core`, bound to one place on disk."""

    list_models: Callable[[], tuple[ModelFacts, ...]]
    find_model: Callable[[str], ModelFacts]
    shape_of: Callable[[ModelFacts], ModelShape]
    device_budget: Callable[[int | None, str | None], DeviceBudget]
    estimate: Estimator
    read_draft: Callable[[], Plan]
    """The draft of the Train page; the defaults where there is none."""
    free_disk: Callable[[], int]
    free_host: Callable[[], int]
    outcomes: Callable[[], tuple[Outcome, ...]]
    """What this machine's runs came to, newest last."""
    config_of: Callable[[ModelFacts], Mapping[str, Any]]
    fit_plan: Callable[[Plan, ModelShape, DeviceBudget, tuple[Outcome, ...]], Fit]
    tensors: Callable[[Plan, ModelShape, DeviceBudget], int]
    """Bytes of all tensors at the peak by the formula: what a dry run measures."""


def fits_ports(services: Services) -> FitsPorts:
    """Return the real ones."""
    places = services.places
    return FitsPorts(
        list_models=lambda: all_models(places),
        find_model=lambda wanted: find_model(wanted, places),
        shape_of=lambda facts: shape_of(facts, places),
        device_budget=device_budget,
        estimate=estimate,
        read_draft=lambda: read_draft(places),
        free_disk=lambda: durable.free_bytes(places.home),
        free_host=lambda: machine().memory_free,
        outcomes=lambda: read_outcomes(places),
        config_of=lambda facts: config_of(facts, places),
        fit_plan=lambda plan, shape, budget, known: fit_plan(
            plan, shape, budget, outcomes=known
        ),
        tensors=formula_tensors,
    )


def read_draft(places: Places) -> Plan:
    """Return the draft of the Train page, or the defaults where none can be read.

    Unlike that page this one leaves a damaged draft where it is.
    """
    file = draft_file(places)
    with contextlib.suppress(PlanError):
        if file.is_file():
            return read_plan(file)
    return Plan()
