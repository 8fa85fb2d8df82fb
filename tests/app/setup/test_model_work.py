"""Fetching and searching behind step 1, in real child processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from app.setup.model_work import ModelWork
from app.setup.ports import Ports, hub_environment
from core.models.find import all_models, find_model, shape_of
from core.models.starter import STARTER_NAME
from core.plan.plan import Plan
from tests.app.setup.made import BUDGET, facts
from tests.models.hub_stub import HubStub, serving
from tests.models.test_hub import environment, files, safetensors


@pytest.fixture
def work(ports: Ports, qtbot: QtBot) -> Iterator[ModelWork]:
    """Return the work over real models in an empty home, with the network off."""
    places = ports.places
    own = replace(
        ports,
        list_models=partial(all_models, places),
        find_model=lambda wanted: find_model(wanted, places),
        shape_of=lambda facts: shape_of(facts, places),
        hub_environment=lambda: hub_environment("", is_offline=True),
    )
    made = ModelWork(own)
    yield made
    made.shut_down()


def test_the_starter_is_listed_first(qtbot: QtBot, work: ModelWork) -> None:
    """Nothing is on this disk, yet there is something to begin with."""
    with qtbot.waitSignal(work.changed):
        work.refresh()

    listed = work.state.listed
    assert listed is not None
    assert "starter" == listed[0].id
    assert len(listed) > 10


def test_the_models_in_view_are_priced_first(qtbot: QtBot, work: ModelWork) -> None:
    """A first screenful has its badges before a hundred others have theirs."""
    with qtbot.waitSignal(work.changed):
        work.refresh()
    listed = [model.id for model in work.state.listed or ()]
    seen: list[list[str]] = []
    work.changed.connect(lambda: seen.append(list(work.state.fits)))
    work.price(Plan(), BUDGET)
    qtbot.waitUntil(lambda: bool(seen) and len(seen[-1]) == len(listed))

    assert len(seen[0]) < len(listed)
    assert listed[: len(seen[0])] == seen[0]


def test_a_search_offline_is_refused_in_words(qtbot: QtBot, work: ModelWork) -> None:
    """The Hub's client is asked in a child; its refusal comes back with a way out."""
    work.search("smol")
    work.search_hub()
    assert work.state.is_searching
    qtbot.waitUntil(lambda: work.state.failure is not None)

    assert work.state.failure is not None
    assert work.state.failure.hint
    assert not work.state.is_searching


def test_a_download_offline_is_refused_in_words(qtbot: QtBot, work: ModelWork) -> None:
    """A download that cannot begin says why, and leaves nothing under way."""
    with qtbot.waitSignal(work.resolved):
        work.resolve("Qwen/Qwen2.5-0.5B")
    work.make_ready()
    assert work.state.work is not None
    qtbot.waitUntil(lambda: work.state.failure is not None)

    assert work.state.work is None
    assert work.state.failure is not None
    assert work.state.failure.hint


def test_unpacking_can_be_cancelled(
    qtbot: QtBot, work: ModelWork, ports: Ports
) -> None:
    """A cancel is no failure, and half a model is never taken for one."""
    work.resolve("starter", unpacks=True)
    qtbot.waitUntil(lambda: work.state.work is not None)
    work.cancel()
    qtbot.waitUntil(lambda: work.state.work is None)

    assert work.state.failure is None
    assert not (ports.places.models / STARTER_NAME).exists()
    assert work.state.chosen is not None
    assert not work.state.chosen.local


@pytest.mark.slow
def test_the_starter_unpacks_itself_when_chosen(qtbot: QtBot, work: ModelWork) -> None:
    """Chosen for the first time, it is made ready with progress, and then is here."""
    told: list[float] = []
    work.changed.connect(
        lambda: told.append(work.state.work.done) if work.state.work else None
    )
    work.resolve("starter", unpacks=True)

    def is_here() -> bool:
        chosen = work.state.chosen
        return chosen is not None and chosen.local

    qtbot.waitUntil(is_here, timeout=240_000)
    assert work.state.shape is not None
    assert max(told) >= 1
    assert work.state.failure is None


WEIGHTS = safetensors(25_000_000)


def pause_of(work: ModelWork) -> str:
    return work.state.work.pause if work.state.work is not None else "over"


@pytest.fixture
def stub() -> Iterator[HubStub]:
    """A Hub that holds a model's weights back half-way."""
    halting = HubStub(
        files=files(**{"model.safetensors": WEIGHTS}), hold_after=15_000_000
    )
    with serving(halting):
        yield halting
        halting.released.set()


@pytest.fixture
def fetching(
    qtbot: QtBot,
    ports: Ports,
    stub: HubStub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ModelWork]:
    """Return the work while it downloads a model from the stub."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    tiny = facts(id="someone/tiny", name="tiny", path=None, source="hub")
    work = ModelWork(
        replace(
            ports,
            find_model=lambda _: tiny,
            hub_environment=lambda: environment(stub, tmp_path),
        )
    )
    with qtbot.waitSignal(work.resolved):
        work.resolve(tiny.id)
    work.make_ready()
    qtbot.waitUntil(lambda: pause_of(work) == "can")
    yield work
    work.shut_down()


def test_a_download_rests_and_goes_on(
    qtbot: QtBot, fetching: ModelWork, stub: HubStub, tmp_path: Path
) -> None:
    """Paused, nothing moves; gone on with, nothing is fetched twice."""
    fetching.pause_or_go_on()
    gone = psutil.STATUS_ZOMBIE  # of an earlier test, not yet reaped
    children = [c for c in psutil.Process().children() if c.status() != gone]
    (child,) = [c for c in children if "download" in c.cmdline()]
    # The signal is sent, not yet delivered: the kernel stops a process when it
    # next gets to it.
    qtbot.waitUntil(lambda: psutil.STATUS_STOPPED == child.status())
    stub.released.set()
    assert "paused" == pause_of(fetching)
    fetching.pause_or_go_on()
    assert "can" == pause_of(fetching)
    qtbot.waitUntil(lambda: pause_of(fetching) == "over")

    assert fetching.state.failure is None
    asked = [ask for ask in stub.asked if "GET" in ask and "model.safe" in ask]
    assert 1 == len(asked)
    (here,) = (tmp_path / "hf" / "hub").rglob("model.safetensors")
    assert here.read_bytes() == WEIGHTS


def test_a_resting_download_can_be_cancelled(qtbot: QtBot, fetching: ModelWork) -> None:
    """It ends although it stands still, and nothing stays under way."""
    fetching.pause_or_go_on()
    fetching.cancel()
    qtbot.waitUntil(lambda: pause_of(fetching) == "over")

    assert fetching.state.failure is None
