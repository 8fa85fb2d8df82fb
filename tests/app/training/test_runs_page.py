"""The Runs page on real run folders: found, opened, steered, deleted, compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from PySide6.QtCore import QElapsedTimer, Qt
from PySide6.QtWidgets import QAbstractButton, QLabel
from pytestqt.qtbot import QtBot

from app.qtwork.navigator import Navigator
from app.training.page import RunsPage
from app.training.present import RunView
from app.training.viewmodel import RunsViewModel
from core.places import Places
from core.runs import trash
from core.runs.events import Metrics, Phase, Sample
from core.runs.folder import RunFolder, Status
from tests.app.training import made_runs as made


@dataclass
class Launcher:
    """Starts nothing; remembers what it was asked to start."""

    started: list[str] = field(default_factory=list)
    problem: OSError | None = None

    def start(self, run: RunFolder, *, resume: bool = False) -> None:
        assert resume
        if self.problem is not None:
            raise self.problem
        self.started.append(run.run_id)


@dataclass
class Told:
    """What the navigator was asked."""

    opened: list[tuple[str, object]] = field(default_factory=list)
    toasts: list[tuple[str, object]] = field(default_factory=list)


@dataclass
class Desk:
    page: RunsPage
    model: RunsViewModel
    places: Places
    launcher: Launcher
    told: Told
    bot: QtBot

    def show_list(self, rows: int) -> None:
        def listed() -> None:
            assert rows == self.page.runs.list_model.rowCount()

        self.model.refresh()
        self.bot.waitUntil(listed)

    def open(self, run: RunFolder) -> RunView:
        with self.bot.waitSignal(
            self.model.run.changed,
            check_params_cb=lambda view: view.curves.loss or view.samples,
        ) as seen:
            self.model.show_run(run.run_id)
        return seen.args[0]


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    places = Places(home=tmp_path / "home").make()
    navigator, told, launcher = Navigator(), Told(), Launcher()
    navigator.requested.connect(lambda key, value: told.opened.append((key, value)))
    navigator.toasted.connect(lambda text, _, run: told.toasts.append((text, run)))
    model = RunsViewModel(places, navigator, launcher)
    page = RunsPage(model)
    qtbot.addWidget(page)
    page.resize(1200, 800)
    page.show()
    yield Desk(
        page=page,
        model=model,
        places=places,
        launcher=launcher,
        told=told,
        bot=qtbot,
    )
    page.shut_down()
    page.hide()


def orders(run: RunFolder) -> list[str]:
    return sorted(run.ordered())


def test_an_empty_history_invites(desk: Desk) -> None:
    """Without a run the page says what to do, and does it."""
    desk.bot.waitUntil(desk.page.empty.isVisible)

    desk.model.start_new()

    assert [("train", None)] == desk.told.opened


def test_runs_are_found_again(desk: Desk) -> None:
    """Folders written by another process are listed, the newest first."""
    made.done_run(desk.places.runs, name="old")
    made.live_run(desk.places.runs)

    desk.show_list(2)

    assert "2 runs, 1 at work now." == desk.page.header.subtitle.text()


def test_a_run_begun_elsewhere_appears_by_itself(desk: Desk) -> None:
    """The list looks again each second while it is shown."""
    desk.bot.waitUntil(desk.page.empty.isVisible)

    made.done_run(desk.places.runs)

    desk.bot.waitUntil(lambda: desk.page.runs.list_model.rowCount() == 1)


def test_enter_opens_the_run_in_focus(desk: Desk) -> None:
    """The whole list works by keyboard."""
    made.done_run(desk.places.runs, name="Pirate talk")
    desk.show_list(1)
    desk.page.runs.setCurrentIndex(desk.page.runs.list_model.index(0))

    desk.bot.keyClick(desk.page.runs, Qt.Key.Key_Return)

    desk.bot.waitUntil(lambda: desk.page.panel.title.text() == "Pirate talk")
    assert desk.page.panel.isVisible()


def test_escape_goes_back_to_the_list(desk: Desk) -> None:
    """And nobody follows the run any more."""
    desk.open(made.done_run(desk.places.runs))

    desk.bot.keyClick(desk.page, Qt.Key.Key_Escape)

    assert not desk.page.panel.isVisible()
    assert "" == desk.model.run.run_id


def test_an_opened_run_shows_its_whole_curve(desk: Desk) -> None:
    """Curves, sentence, figures and samples come from the folder alone."""
    view = desk.open(made.done_run(desk.places.runs))

    assert 60 == len(view.curves.loss)
    assert desk.page.panel.headline.text().startswith("Held-out loss fell from 3.41")
    assert desk.page.panel.buttons.chat.isVisible()
    assert not desk.page.panel.buttons.pause.isVisible()


def test_a_live_run_goes_on_under_the_eyes(desk: Desk) -> None:
    """What the engine writes appears on the page."""
    run = made.live_run(desk.places.runs)
    desk.open(run)

    with desk.bot.waitSignal(
        desk.model.run.changed,
        check_params_cb=lambda view: view.progress_text.startswith("Step 35"),
    ):
        now = made.START + 90
        made.write_events(run, [Metrics(t=now, step=35, epoch=0.6, loss=1.5)])

    assert "Step 35 of 60" in desk.page.panel.progress._detail.text()


@pytest.mark.parametrize(("button", "order"), [("pause", "pause"), ("save", "save")])
def test_a_button_becomes_an_order_in_the_folder(
    desk: Desk, button: str, order: str
) -> None:
    """The engine reads orders from the run's folder; the page writes them there."""
    run = made.live_run(desk.places.runs)
    desk.open(run)

    getattr(desk.page.panel.buttons, button).click()

    desk.bot.waitUntil(lambda: orders(run) == [order])


def test_a_pause_that_was_asked_for_is_shown(desk: Desk) -> None:
    """Until the engine has done it, the page says it is being done."""
    run = made.live_run(desk.places.runs)
    desk.open(run)

    with desk.bot.waitSignal(
        desk.model.run.changed, check_params_cb=lambda view: not view.can_pause
    ):
        desk.page.panel.buttons.pause.click()

    assert desk.page.panel.progress._what.text().startswith("Pausing")
    assert not desk.page.panel.buttons.pause.isEnabled()


def test_stop_and_keep_is_one_click(desk: Desk) -> None:
    """Nothing is lost by it, so nothing is asked."""
    run = made.live_run(desk.places.runs)
    desk.open(run)

    desk.page.panel.buttons.keep.trigger()

    desk.bot.waitUntil(lambda: orders(run) == ["stop"])


def test_discarding_asks_once_and_names_what_is_lost(desk: Desk) -> None:
    """The question stands on the page; without an answer nothing is ordered."""
    run = made.live_run(desk.places.runs)
    desk.open(run)

    desk.page.panel.buttons.discard.trigger()

    title, text = desk.page.panel.question.words
    assert "Stop and discard this run?" == title
    assert text.startswith("34 trained steps")
    assert [] == orders(run)

    desk.page.panel._discard()

    desk.bot.waitUntil(lambda: orders(run) == ["discard"])
    assert not desk.page.panel.question.isVisible()


def test_resume_starts_the_engine_and_shows_it_starting(desk: Desk) -> None:
    """An engine needs seconds to speak; the page must not offer Resume meanwhile."""
    run = made.make_run(
        desk.places.runs, made.training_events(upto=22), status="paused"
    )
    desk.open(run)

    desk.page.panel.buttons.resume.click()
    desk.page.panel.buttons.resume.click()

    desk.bot.waitUntil(lambda: desk.page.panel.badge.text == "Starting")
    assert [run.run_id] == desk.launcher.started


def test_an_engine_that_cannot_start_is_told(desk: Desk) -> None:
    """The way out stands beside what happened, and Resume is offered again."""
    run = made.make_run(
        desk.places.runs, made.training_events(upto=22), status="paused"
    )
    desk.open(run)
    desk.launcher.problem = OSError(12, "Cannot allocate memory")

    desk.page.panel.buttons.resume.click()

    assert "Cannot allocate memory" in desk.page.panel.problem.words[0]
    assert desk.page.panel.buttons.resume.isVisible()


def test_stopping_a_paused_run_waits_until_it_trains(desk: Desk) -> None:
    """Told before it has loaded, the engine would leave without an adapter."""
    run = made.make_run(
        desk.places.runs, made.training_events(upto=22), status="paused"
    )
    desk.open(run)
    desk.page.panel.buttons.keep.trigger()
    later = 4_000_000_000.0

    def loads() -> bool:
        snapshot = desk.model.run._snapshot
        return snapshot is not None and snapshot.state.phase == "load"

    made.write_events(run, [Phase(t=later, phase="load")])
    desk.bot.waitUntil(loads)
    desk.bot.waitUntil(lambda: not desk.model.run._ordering.is_busy)
    assert [] == orders(run)

    made.write_events(run, [Phase(t=later + 1, phase="train")])

    desk.bot.waitUntil(lambda: orders(run) == ["stop"])
    assert [run.run_id] == desk.launcher.started


def test_a_vanished_engine_is_noticed(desk: Desk) -> None:
    """When the process is gone without a word, the page says so and offers Resume."""
    run = made.live_run(desk.places.runs)
    desk.open(run)

    run.write_status(Status(status="running", pid=2**22 + 7, pid_started=1.0))

    desk.bot.waitUntil(lambda: desk.page.panel.badge.text == "Interrupted")
    assert "The engine vanished at step 34." == desk.page.panel.failure.words[0]
    assert desk.page.panel.buttons.resume.isVisible()


def test_a_failed_run_offers_its_remedies(desk: Desk) -> None:
    """Each is a button that opens Train with the mended plan."""
    desk.open(made.failed_run(desk.places.runs))
    panel = desk.page.panel
    assert panel._view is not None
    assert panel._view.failure is not None
    remedy = panel._view.failure.remedies[0]

    desk.model.run.use_plan(remedy.plan)

    assert "No room on the GPU: 9.8 of 8.0 GiB needed." == panel.failure.words[0]
    assert [("train", remedy.plan)] == desk.told.opened


def test_a_run_is_deleted_with_a_way_back(desk: Desk) -> None:
    """Delete moves it to the trash; Undo brings the very folder back."""
    run = made.done_run(desk.places.runs)
    desk.open(run)

    desk.page.panel.buttons.delete.trigger()

    desk.bot.waitUntil(lambda: bool(desk.told.toasts))
    assert not run.path.exists()
    assert not desk.page.panel.isVisible()

    undo = desk.told.toasts[0][1]
    assert callable(undo)
    undo()

    desk.bot.waitUntil(run.plan_file.exists)
    desk.show_list(1)


def test_the_trash_gives_back_and_frees(desk: Desk) -> None:
    """Long after the Undo is gone a run can be restored, or its room reclaimed."""
    keep = made.done_run(desk.places.runs, name="keep")
    lose = made.done_run(desk.places.runs, name="lose")
    trashed = [trash.delete_run(desk.places, run) for run in (keep, lose)]
    desk.model.refresh()
    desk.bot.waitUntil(lambda: desk.page.trash_button.text().startswith("Trash · "))
    desk.page.trash_button.click()
    buttons = desk.page.trash.findChildren(QAbstractButton)

    next(b for b in buttons if b.accessibleName() == "Restore keep").click()
    desk.bot.waitUntil(keep.plan_file.exists)
    desk.bot.waitUntil(lambda: len(desk.page.trash._rows or ()) == 1)

    desk.page.trash.empty_button.click()
    assert "“lose”" in desk.page.trash.question.words[1]
    assert trashed[1].path.exists()
    desk.page.trash._answered()

    desk.bot.waitUntil(lambda: bool(desk.told.toasts))
    assert not trashed[1].path.exists()
    assert desk.told.toasts[0][0].endswith("freed.")


def test_a_running_run_is_not_deleted(desk: Desk) -> None:
    """Not even through the view-model: its engine would write into nothing."""
    run = made.live_run(desk.places.runs)
    desk.open(run)

    with desk.bot.waitSignal(desk.model.run.failed) as told:
        desk.model.run.delete()

    assert "run.live" == told.args[0].code
    assert run.path.exists()


def test_try_in_chat_and_use_again_lead_on(desk: Desk) -> None:
    """The run's adapter opens the chat, its plan the Train page."""
    run = made.done_run(desk.places.runs, adapter_id="pirate-ab12")
    desk.open(run)

    desk.page.panel.buttons.chat.click()
    desk.page.panel.buttons.again.click()

    assert ("chat", "pirate-ab12") == desk.told.opened[0]
    assert ("train", run.plan()) == desk.told.opened[1]


def test_the_log_is_read_only_while_it_is_looked_at(desk: Desk) -> None:
    """Its tab shows what is there and what comes."""
    run = made.live_run(desk.places.runs)
    desk.open(run)
    log = desk.page.panel.log
    assert "" == log.toPlainText()

    desk.page.panel.tabs.setCurrentIndex(1)
    desk.bot.waitUntil(lambda: "the engine began" in log.toPlainText())
    with run.log_file.open("a", encoding="utf-8") as file:
        file.write("and went on\n")

    desk.bot.waitUntil(lambda: "and went on" in log.toPlainText())


def test_an_unknown_run_leads_back_to_the_list(desk: Desk) -> None:
    """A link to a run that is gone says so instead of showing an empty page."""
    made.done_run(desk.places.runs)

    desk.page.open_with("no-such-run")

    desk.bot.waitUntil(desk.page.notice.isVisible)
    assert "No run is called “no-such-run”." == desk.page.notice.words[0]
    assert not desk.page.panel.isVisible()


def test_several_runs_are_compared(desk: Desk) -> None:
    """Tick two, press Compare: one chart, and nothing but what differs."""
    first = made.done_run(desk.places.runs, name="a")
    second = made.done_run(desk.places.runs, name="b")
    desk.show_list(2)
    desk.page.compare.setChecked(True)
    for run in (first, second):
        desk.page.runs.setCurrentIndex(desk.page.runs.list_model.index_of(run.run_id))
        desk.bot.keyClick(desk.page.runs, Qt.Key.Key_Space)

    with desk.bot.waitSignal(desk.model.compared) as seen:
        desk.page.compare_now.click()

    assert {"a", "b"} == set(seen.args[0].names)
    assert desk.page.comparison.isVisible()
    assert desk.page.comparison.same.isVisible()


def test_a_flood_of_events_paints_at_most_15_times_a_second(desk: Desk) -> None:
    """20,000 events become a picture every 66 ms at most, not one an event."""
    run = made.live_run(desk.places.runs, upto=1)
    desk.open(run)
    views: list[RunView] = []
    looks: list[object] = []
    stamps: list[float] = []
    clock = QElapsedTimer()
    clock.start()
    desk.model.run.changed.connect(views.append)
    assert desk.model.run._supervisor is not None
    desk.model.run._supervisor.published.connect(looks.append)
    desk.model.run.changed.connect(lambda _view: stamps.append(clock.elapsed()))

    for block in range(20):
        first = 2 + block * 1000
        events = [
            Metrics(t=made.START + at, step=at, epoch=0.0, loss=2.0)
            for at in range(first, first + 1000)
        ]
        made.write_events(run, events)
        run.write_status(replace(run.written_status(), step=first + 999))
        desk.bot.wait(1)  # let the event loop turn, as it does while a run goes on
    desk.bot.waitUntil(lambda: views[-1].curves.loss.xs[-1] == 20_001)

    assert 20_001 == len(views[-1].curves.loss)
    # what one look at the folder finds, events and status, is one picture
    assert len(views) <= len(looks) + 2
    # one more than time allows: the first of a burst is painted without waiting long;
    # and Qt's timers may come 5 % early
    assert len(views) <= (stamps[-1] - stamps[0]) / (0.95 * 66) + 2


def test_charts_are_drawn_as_they_come_into_sight(desk: Desk) -> None:
    """What is scrolled away costs nothing until somebody looks at it."""
    desk.open(made.done_run(desk.places.runs))
    charts = desk.page.panel.charts
    small = charts.small["memory"]

    desk.bot.waitUntil(
        lambda: "held out: 7" in charts.loss.plot.accessibleDescription()
    )
    assert "each step: 60" in charts.loss.plot.accessibleDescription()
    desk.bot.waitUntil(lambda: not charts._turn.isActive())
    assert "" == small.plot.accessibleDescription()

    bar = desk.page.panel._body.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)

    desk.bot.waitUntil(lambda: "used: 60" in small.plot.accessibleDescription())


def test_another_run_s_curves_take_the_place_of_the_last(desk: Desk) -> None:
    """Nothing of the run before stays on the chart."""
    desk.open(made.done_run(desk.places.runs))
    loss = desk.page.panel.charts.loss
    desk.bot.waitUntil(lambda: "each step: 60" in loss.plot.accessibleDescription())

    desk.open(made.live_run(desk.places.runs))

    desk.bot.waitUntil(lambda: "each step: 34" in loss.plot.accessibleDescription())


def test_a_foreign_megabyte_does_not_hold_the_page(desk: Desk) -> None:
    """A sample of one unbroken megabyte is cut before Qt lays it out."""
    run = made.live_run(desk.places.runs)
    desk.open(run)
    huge = Sample(
        t=made.START + 80, step=34, prompt="p" * 10**6, text="<b>x</b>" * 10**5
    )

    with desk.bot.waitSignal(
        desk.model.run.changed, check_params_cb=lambda view: len(view.samples) > 4
    ):
        made.write_events(run, [huge])

    shown = [label.text() for label in desk.page.panel.samples.findChildren(QLabel)]
    assert max(map(len, shown)) < 2000
    assert any(text.startswith("<b>x</b>") for text in shown)


def test_every_control_has_a_name(desk: Desk) -> None:
    """A screen reader can name everything that can be pressed."""
    desk.open(made.done_run(desk.places.runs))

    nameless = [
        widget
        for widget in desk.page.findChildren(QAbstractButton)
        if widget.isVisible() and not (widget.accessibleName() or widget.text())
    ]

    assert [] == nameless
