"""A view-model over a small machine: two models, one card, an empty home."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QThreadPool
from pytestqt.qtbot import QtBot

from app.qtwork.navigator import Navigator
from app.setup.ports import Ports, columns_of_file, formula_tensors
from app.setup.viewmodel import SetupViewModel
from core.errors import ModelError
from core.estimate.explain import explain
from core.estimate.memory import estimate
from core.hardware.budget import DeviceBudget, device_budget
from core.hardware.cards import cards
from core.models.catalogue import catalogue_shape
from core.models.facts import ModelFacts
from core.models.shape import ModelShape
from core.models.starter import STARTER_HUB_ID
from core.places import Places
from core.plan.plan import Plan
from core.planner.advice import fit_plan, recommend
from core.planner.forecast import forecast
from core.planner.which_card import which_cards
from core.runs.folder import RunFolder
from tests.app.setup.made import BUDGET, facts

OTHER = facts(id="org/other", name="other", path=None, source="catalogue")
Maker = Callable[..., SetupViewModel]


def find(wanted: str) -> ModelFacts:
    known = {item.id: item for item in (facts(), OTHER)}
    if wanted in known:
        return known[wanted]
    raise ModelError("model.unknown", f"“{wanted}” is no model.", hint="Pick another.")


def shape_of(item: ModelFacts) -> ModelShape:
    found = catalogue_shape(STARTER_HUB_ID)
    assert found is not None
    return found


def budget(memory: int | None, name: str | None) -> DeviceBudget:
    return BUDGET if memory is None and name is None else device_budget(memory, name)


def refuse(plan: Plan, force: bool, exact: int | None) -> RunFolder:
    raise ModelError("model.gone", "The model went away.", hint="Choose another.")


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    """The machine: functions that answer at once, nothing that needs the network."""
    starter = tmp_path / "starter.jsonl"
    starter.write_text('{"prompt": "Hi", "completion": "Hello"}\n', encoding="utf-8")
    return Ports(
        places=Places(home=tmp_path / "home").make(),
        list_models=lambda: (facts(), OTHER),
        find_model=find,
        shape_of=shape_of,
        add_model=find,
        device_budget=budget,
        estimate=estimate,
        tensors=formula_tensors,
        config_of=lambda facts: {},
        recommend=lambda plan, shape, budget, known: recommend(
            plan, shape, budget, outcomes=known
        ),
        fit_plan=lambda plan, shape, budget, known, longest: fit_plan(
            plan, shape, budget, outcomes=known, longest_row_tokens=longest
        ),
        columns_of=columns_of_file,
        starter_data=lambda: starter,
        free_disk=lambda: 10**12,
        forecast=forecast,
        explain=explain,
        which_cards=lambda plan, shape, known: which_cards(plan, shape, outcomes=known),
        card_names=tuple(card.name for card in cards()),
        outcomes=tuple,
        new_run=refuse,
        start_run=lambda folder: None,
        is_offline=lambda: False,
        hub_environment=dict,
        running=tuple,
        device_holder=str,
        ask_device_back=lambda: None,
    )


@pytest.fixture
def make_model(ports: Ports, qtbot: QtBot) -> Iterator[Maker]:
    """Return a maker of view-models; each is shut down at the end."""
    made: list[SetupViewModel] = []

    def make(navigator: Navigator | None = None, **changes: Any) -> SetupViewModel:
        own = replace(ports, **changes)
        made.append(SetupViewModel(own, navigator or Navigator()))
        return made[-1]

    yield make
    for model in made:
        model.shut_down()
    QThreadPool.globalInstance().waitForDone()
