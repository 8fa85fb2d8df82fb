"""From a started run to a chat with its adapter, on the real engine and a tiny model."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.chat.page import ChatPage
from app.chat.viewmodel import ChatPorts, ChatViewModel
from app.library.page import LibraryPage
from app.library.viewmodel import LibraryViewModel
from app.qtwork.gpu_lease import GpuLease
from app.qtwork.navigator import Navigator
from app.services import RunLauncher
from app.training.page import RunsPage
from app.training.viewmodel import RunsViewModel
from core.chat.events import Sampling
from core.library.shelf import all_adapters
from core.places import Places
from core.runs.folder import RunFolder
from tests.fakes.tiny_model import make_tiny_model
from tests.fakes.tiny_run import make_run

pytestmark = pytest.mark.slow

# Far more than a test waits for: such a run ends only because it is told to.
ENDLESS = 1_000_000


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(home=tmp_path / "home").make()


@pytest.fixture
def launcher() -> Iterator[RunLauncher]:
    launcher = RunLauncher()
    yield launcher
    for child in launcher._children:
        child.kill()
        child.wait()


@pytest.fixture
def runs_page(
    qtbot: QtBot, places: Places, launcher: RunLauncher
) -> Iterator[RunsPage]:
    page = RunsPage(RunsViewModel(places, Navigator(), launcher))
    qtbot.addWidget(page)
    page.show()
    yield page
    page.hide()
    page.shut_down()


def wait_for_state(qtbot: QtBot, page: RunsPage, state: str) -> None:
    qtbot.waitUntil(lambda: page.panel.badge.text == state)


def steps_drawn(page: RunsPage) -> list[float]:
    view = page.panel._view
    return [] if view is None else list(view.curves.loss.xs)


def started(
    places: Places,
    tiny: Path,
    launcher: RunLauncher,
    page: RunsPage,
    steps: int = ENDLESS,
) -> RunFolder:
    run = make_run(places.home, tiny, max_steps=steps)
    launcher.start(run)
    page.open_with(run.run_id)
    return run


def test_a_run_is_paused_resumed_killed_and_kept(
    qtbot: QtBot,
    places: Places,
    tiny: Path,
    launcher: RunLauncher,
    runs_page: RunsPage,
) -> None:
    """Every button does to the real engine what it says, and no step is drawn twice."""
    run = started(places, tiny, launcher, runs_page)
    buttons = runs_page.panel.buttons
    qtbot.waitUntil(lambda: len(steps_drawn(runs_page)) > 5)

    buttons.pause.click()
    wait_for_state(qtbot, runs_page, "Paused")
    at_pause = len(steps_drawn(runs_page))

    buttons.resume.click()
    qtbot.waitUntil(lambda: len(steps_drawn(runs_page)) > at_pause + 5)
    pid = run.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for_state(qtbot, runs_page, "Interrupted")

    buttons.keep.trigger()  # wakes it, lets it save its adapter, ends it
    wait_for_state(qtbot, runs_page, "Stopped")
    qtbot.waitUntil(buttons.chat.isVisible)

    drawn = steps_drawn(runs_page)
    assert [float(step) for step in range(1, len(drawn) + 1)] == drawn
    assert [run.run_id] == [record.run_id for record in all_adapters(places)]


def test_a_finished_run_leads_over_the_library_into_the_chat(
    qtbot: QtBot,
    places: Places,
    tiny: Path,
    launcher: RunLauncher,
    runs_page: RunsPage,
) -> None:
    """The adapter is found in the library and answers beside its base."""
    started(places, tiny, launcher, runs_page, steps=6)
    wait_for_state(qtbot, runs_page, "Done")
    qtbot.waitUntil(runs_page.panel.buttons.chat.isVisible)
    assert runs_page.panel._view is not None
    adapter_id = runs_page.panel._view.adapter_id

    library = LibraryPage(LibraryViewModel(places, Navigator()))
    qtbot.addWidget(library)
    library.show()
    library.open_with(adapter_id)
    qtbot.waitUntil(library.detail.isVisible)
    assert library.detail.chat.isEnabled()
    library.hide()
    library.shut_down()

    ports = ChatPorts(
        places=places, navigator=Navigator(), lease=GpuLease(), busy=lambda: None
    )
    model = ChatViewModel(ports)
    chat = ChatPage(model)
    qtbot.addWidget(chat)
    chat.show()
    model.set_sampling(Sampling(max_tokens=8))
    chat.open_with(adapter_id)
    qtbot.waitUntil(lambda: chat.side.state.text == "Ready")

    assert model.send("hello")

    def answered() -> None:
        answers = model.transcript.turns[0].answers
        assert [True, True] == [answer.is_over for answer in answers]

    qtbot.waitUntil(answered)
    base, adapted = model.transcript.turns[0].answers
    assert ("", "") == (base.problem, adapted.problem)
    assert base.tokens > 0
    assert adapted.tokens > 0
    assert base.prompt == adapted.prompt
    chat.hide()
    chat.shut_down()


def test_discard_leaves_nothing_but_the_story(
    qtbot: QtBot,
    places: Places,
    tiny: Path,
    launcher: RunLauncher,
    runs_page: RunsPage,
) -> None:
    """Adapter and checkpoints go; curve, log and plan stay."""
    run = started(places, tiny, launcher, runs_page)
    qtbot.waitUntil(lambda: len(steps_drawn(runs_page)) > 5)

    runs_page.panel._discard()
    wait_for_state(qtbot, runs_page, "Stopped")

    assert [] == all_adapters(places)
    assert not run.adapter.exists()
    assert not run.checkpoints.exists()
    assert run.events_file.stat().st_size > 0
    assert not runs_page.panel.buttons.chat.isVisible()
