"""A view-model over three models of the catalogue and one card of 12 GiB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QThreadPool
from pytestqt.qtbot import QtBot

from app.fits.ports import FitsPorts
from app.fits.viewmodel import FitsViewModel
from app.qtwork.navigator import Navigator
from app.setup.ports import formula_tensors
from core.errors import ModelError
from core.estimate.memory import estimate
from core.hardware.budget import DeviceBudget, device_budget
from core.models.catalogue import catalogue_config, catalogue_facts, catalogue_shape
from core.models.facts import ModelFacts
from core.models.shape import ModelShape
from core.plan.fields import with_value
from core.plan.plan import ModelChoice, Plan
from core.planner.advice import fit_plan
from core.units import GIB
from tests.app.setup.made import BUDGET

SMALL, MIDDLE, LARGE = (
    "HuggingFaceTB/SmolLM2-135M", "Qwen/Qwen3-4B", "Qwen/Qwen2.5-72B-Instruct"
)  # fmt: skip
DRAFT = with_value(Plan(model=ModelChoice(id=MIDDLE)), "train.learning_rate", 1e-3)
Maker = Callable[..., FitsViewModel]


def known(wanted: str) -> ModelFacts:
    found = catalogue_facts(wanted)
    if found is None:
        raise ModelError(
            "model.unknown", f"“{wanted}” is no model.", hint="Pick another."
        )
    return found


def shape_of(model: ModelFacts) -> ModelShape:
    found = catalogue_shape(model.id)
    assert found is not None
    return found


def budget(memory: int | None, name: str | None) -> DeviceBudget:
    here = replace(BUDGET, total=12 * GIB, free=12 * GIB)
    return here if memory is None and name is None else device_budget(memory, name)


@pytest.fixture
def ports() -> FitsPorts:
    """Functions that answer at once, from the catalogue alone."""
    return FitsPorts(
        list_models=lambda: (known(SMALL), known(MIDDLE), known(LARGE)),
        find_model=known,
        shape_of=shape_of,
        device_budget=budget,
        estimate=estimate,
        read_draft=lambda: DRAFT,
        free_disk=lambda: 100 * GIB,
        free_host=lambda: 32 * GIB,
        outcomes=tuple,
        config_of=lambda model: dict(catalogue_config(model.id) or {}),
        fit_plan=lambda plan, shape, budget, known: fit_plan(plan, shape, budget),
        tensors=formula_tensors,
    )


@pytest.fixture
def make_model(ports: FitsPorts, qtbot: QtBot) -> Iterator[Maker]:
    """Return a maker of view-models; each is shut down at the end."""
    made: list[FitsViewModel] = []

    def make(navigator: Navigator | None = None, **changes: Any) -> FitsViewModel:
        own = replace(ports, **changes)
        made.append(FitsViewModel(own, navigator or Navigator()))
        return made[-1]

    yield make
    for model in made:
        model.shut_down()
    QThreadPool.globalInstance().waitForDone()
