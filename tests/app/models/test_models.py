"""The Models page: what it says of a model, and what it does to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.models.page import ModelsPage
from app.models.present import ModelsState, present
from app.models.viewmodel import ModelsViewModel, TrashPorts
from app.qtwork.navigator import Navigator
from app.setup.ports import Ports
from app.setup.state import ModelState
from core.errors import ModelError
from core.models.facts import ModelFacts
from core.models.trash import TrashedModel
from tests.app.setup.conftest import make_model, ports
from tests.app.setup.made import facts

__all__ = ["make_model", "ports"]

HERE = facts(disk=260 << 20)
AWAY = facts(id="org/other", name="other", path=None, source="catalogue", disk=5 << 30)


def state(**changes: Any) -> ModelsState:
    models = ModelState(**{"listed": (HERE, AWAY), **changes})
    return ModelsState(models=models, free_disk=10 << 30)


# -- what it says ------------------------------------------------------------------


def test_the_disk_is_summed_up() -> None:
    """How many are here, how large, how much is free; and before: looking."""
    assert "Looking for models…" == present(state(listed=None)).summary
    assert "No model on this computer yet  ·  10.0 GiB free" == (
        present(state(listed=(AWAY,))).summary
    )
    assert present(state()).summary.startswith("1 model on this computer, 260 MiB")


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("org/new-model", "org/new-model"), ("org/other", ""), ("qwen", ""),
        ("/home/me/model", ""), ("a/b/c", ""), ("~/model", ""), ("two words/x", ""),
    ],
)  # fmt: skip
def test_an_id_nobody_listed_can_be_looked_up(query: str, hint: str) -> None:
    """Only what looks like an id and is not listed is offered."""
    assert hint == present(state(query=query)).id_hint


def test_the_chosen_model_is_told_in_rows() -> None:
    """Only what is known is told, and how it goes away depends on whose it is."""
    ours = present(replace(state(chosen=HERE), can_delete=True)).detail
    theirs = present(state(chosen=replace(HERE, source="local"))).detail
    away = present(state(chosen=AWAY)).detail
    assert ours is not None
    assert theirs is not None
    assert away is not None

    assert ("Delete", "Forget", "") == (
        ours.delete_word, theirs.delete_word, away.delete_word
    )  # fmt: skip
    assert ours.can_train
    assert all(value for _, value, _ in ours.rows)
    assert "To download" in {name for name, _, _ in away.rows}


def test_a_model_that_cannot_be_trained_says_why() -> None:
    """No badges, no training, and the reason in the tooltip."""
    broken = replace(HERE, problem="It holds pickled weights.")
    detail = present(state(chosen=broken)).detail
    assert detail is not None

    assert () == detail.badges
    assert not detail.can_train
    assert "pickled" in detail.train_tip


# -- what it does ------------------------------------------------------------------


class Trash:
    """A trash of one, and a switch that makes it refuse."""

    def __init__(self) -> None:
        self.gone: list[str] = []
        self.refuses = False

    def delete(self, model: ModelFacts) -> TrashedModel:
        if self.refuses:
            raise ModelError("model.busy", "It is in use.", hint="Stop the run first.")
        self.gone.append(model.id)
        return TrashedModel(
            key="k", name=model.name, origin=Path("a"), kept=Path("b"), size=1
        )

    def restore(self, model: TrashedModel) -> None:
        self.gone.clear()


@pytest.fixture
def made(
    ports: Ports, qtbot: QtBot
) -> Iterator[tuple[ModelsViewModel, Trash, Navigator]]:
    """A view-model over the small machine of the Train page's tests."""
    trash, navigator = Trash(), Navigator()
    model = ModelsViewModel(
        ports,
        TrashPorts(
            can_delete=lambda one: one.local, delete=trash.delete, restore=trash.restore
        ),
        navigator,
    )
    yield model, trash, navigator
    model.shut_down()


def ready(qtbot: QtBot, model: ModelsViewModel) -> None:
    model.wake()
    qtbot.waitUntil(lambda: model.view.detail is not None)
    qtbot.waitUntil(lambda: bool(model.view.detail and model.view.detail.badges))


def test_the_first_model_is_shown_and_priced(
    qtbot: QtBot, made: tuple[ModelsViewModel, Trash, Navigator]
) -> None:
    """Opening the page shows the first model with its verdicts for this machine."""
    model, _, _ = made

    ready(qtbot, model)

    detail = model.view.detail
    assert detail is not None
    assert ["LoRA", "QLoRA"] == [badge.text.split()[0] for badge in detail.badges]


def test_a_deletion_can_be_undone(
    qtbot: QtBot, made: tuple[ModelsViewModel, Trash, Navigator]
) -> None:
    """Deleting toasts with a way back, and the way back works."""
    model, trash, navigator = made
    ready(qtbot, model)

    with qtbot.waitSignal(navigator.toasted) as told:
        model.delete()
    assert [facts().id] == trash.gone
    assert "moved to the trash" in told.args[0]

    told.args[2]()
    qtbot.waitUntil(lambda: not trash.gone)


def test_a_deletion_that_fails_is_told(
    qtbot: QtBot, made: tuple[ModelsViewModel, Trash, Navigator]
) -> None:
    """What went wrong and what to do stand on the page; nothing is gone."""
    model, trash, _ = made
    trash.refuses = True
    ready(qtbot, model)
    page = ModelsPage(model)
    qtbot.addWidget(page)

    model.delete()
    qtbot.waitUntil(lambda: page._notice.words[0] == "It is in use.")

    assert "Stop the run first." == page._notice.words[1]
    assert [] == trash.gone


def test_a_model_leads_to_train(
    qtbot: QtBot, made: tuple[ModelsViewModel, Trash, Navigator]
) -> None:
    """Train with it opens the Train page with this model."""
    model, _, navigator = made
    ready(qtbot, model)

    with qtbot.waitSignal(navigator.requested) as told:
        model.train()

    assert ["train", facts().id] == told.args


def test_an_unknown_id_is_told(
    qtbot: QtBot, made: tuple[ModelsViewModel, Trash, Navigator]
) -> None:
    """An id that leads nowhere gives a reason and a way out."""
    model, _, _ = made
    page = ModelsPage(model)
    qtbot.addWidget(page)

    model.choose("org/nowhere")
    qtbot.waitUntil(lambda: "is no model" in page._notice.words[0])

    assert "Pick another." == page._notice.words[1]
