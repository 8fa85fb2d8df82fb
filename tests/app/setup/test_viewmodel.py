"""Edits in, one frozen view out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pytestqt.qtbot import QtBot

from app.qtwork.gpu_lease import GpuLease
from app.qtwork.navigator import Navigator
from app.setup.draft import draft_file
from app.setup.ports import Ports, hub_environment
from app.setup.present import SetupView
from app.setup.viewmodel import SetupViewModel
from core.hardware.gpu import GpuProcess
from core.plan.codec import read_plan, write_plan
from core.plan.fields import with_value
from core.plan.plan import Plan
from core.runs.folder import RunFolder, create_run
from core.units import GIB
from tests.app.setup.conftest import Maker
from tests.app.setup.made import BUDGET


def until(qtbot: QtBot, model: SetupViewModel, wanted: Any) -> SetupView:
    """Wait until a published view satisfies `wanted`, and return the view."""
    if not wanted(model.view):
        with qtbot.waitSignal(
            model.changed, check_params_cb=lambda _: wanted(model.view)
        ):
            pass
    return model.view


def with_estimates(qtbot: QtBot, model: SetupViewModel) -> SetupView:
    model.choose_model("org/small")
    model.wake()
    return until(qtbot, model, lambda view: bool(view.fit.bars))


def test_choosing_a_model_prices_it(qtbot: QtBot, make_model: Maker) -> None:
    """A model chosen, each method is priced for it on this machine."""
    model = make_model()
    view = with_estimates(qtbot, model)

    assert "small" == view.summary[0].value
    assert ["LoRA", "QLoRA"] == [bar.label for bar in view.fit.bars]
    assert view.fit.bars[1].parts[0].size_bytes < view.fit.bars[0].parts[0].size_bytes


def test_a_longer_sequence_costs_more_at_once(qtbot: QtBot, make_model: Maker) -> None:
    """The estimate follows an edit without waiting for a thread."""
    model = make_model()
    before = with_estimates(qtbot, model)
    model.set_value("train.seq_len", 4096)
    after = model.view

    assert after.fit.bars[0].high_bytes > before.fit.bars[0].high_bytes


def test_models_are_listed_and_badged(qtbot: QtBot, make_model: Maker) -> None:
    """Every listed model gets a badge for each method, off the main thread."""
    model = make_model()
    model.wake()
    view = until(
        qtbot,
        model,
        lambda view: view.model.cards and all(c.badges for c in view.model.cards),
    )

    assert ["small", "other"] == [card.name for card in view.model.cards]


def test_an_unknown_model_is_a_problem_not_a_crash(
    qtbot: QtBot, make_model: Maker
) -> None:
    """What cannot be found is said in words, with what to do."""
    model = make_model()
    model.choose_model("nobody/nothing")
    view = until(qtbot, model, lambda view: view.model.failure is not None)

    assert view.model.failure is not None
    assert "Pick another." == view.model.failure.hint
    assert not view.start.can_start
    model.search_hub()
    assert "“nobody/nothing” is no model." == model.view.start.problems[0].message


def test_undo_brings_model_and_settings_back(qtbot: QtBot, make_model: Maker) -> None:
    """Undo and redo work over everything the draft holds."""
    model = make_model()
    with_estimates(qtbot, model)
    model.set_value("method.alpha", 64)
    model.undo()

    assert 32 == model.plan.method.alpha
    model.undo()
    assert "" == model.plan.model.id
    assert () == model.view.fit.bars
    model.redo()
    model.redo()
    assert ("org/small", 64) == (model.plan.model.id, model.plan.method.alpha)


def test_typed_numbers_are_read_or_refused(make_model: Maker) -> None:
    """A power of ten and a decimal comma are read; words are refused and change nothing."""
    model = make_model()

    assert "" == model.type_value("train.learning_rate", "5e-5")
    assert 5e-5 == model.plan.train.learning_rate
    assert "" == model.type_value("train.learning_rate", "0,001")
    assert 0.001 == model.plan.train.learning_rate
    assert "must be a number" in model.type_value("train.learning_rate", "fast")
    assert 0.001 == model.plan.train.learning_rate


def test_reset_takes_one_setting_back(make_model: Maker) -> None:
    """One setting goes to its default; the others stay."""
    model = make_model()
    model.set_value("method.rank", 64)
    model.set_value("method.alpha", 64)
    model.reset("method.rank")

    assert (16, 64) == (model.plan.method.rank, model.plan.method.alpha)


def test_the_draft_survives(make_model: Maker, ports: Ports) -> None:
    """A new window finds what the last one held."""
    first = make_model()
    first.set_value("method.rank", 64)
    first.shut_down()

    assert 64 == make_model().plan.method.rank


def test_an_edit_is_saved_by_itself(
    qtbot: QtBot, make_model: Maker, ports: Ports
) -> None:
    """The draft is on disk soon after an edit, without closing anything."""
    model = make_model()
    model.set_value("method.rank", 64)

    qtbot.waitUntil(lambda: draft_file(ports.places).is_file())
    assert 64 == read_plan(draft_file(ports.places)).method.rank


def test_a_damaged_draft_is_set_aside(make_model: Maker, ports: Ports) -> None:
    """A draft that cannot be read is kept under another name, and said."""
    draft_file(ports.places).write_text("rank = = 3", encoding="utf-8")
    model = make_model()

    assert "could not be read" in model.view.notice
    assert Plan() == model.plan
    aside = draft_file(ports.places).with_suffix(".unreadable.toml")
    assert "rank = = 3" == aside.read_text(encoding="utf-8")


def test_files_are_added_once(make_model: Maker, tmp_path: Path) -> None:
    """The same file dropped twice is one file; it can be taken away again."""
    model = make_model()
    file = tmp_path / "rows.jsonl"
    file.touch()
    model.add_files([file])
    model.add_files([file])

    assert (str(file),) == model.plan.data.files
    model.remove_file(str(file))
    assert () == model.plan.data.files


def test_another_card_is_judged_by_size_or_name(
    qtbot: QtBot, make_model: Maker
) -> None:
    """A bare 12 means 12 GiB; nonsense is refused in words and this machine judges again."""
    model = make_model()
    with_estimates(qtbot, model)
    model.ask_other_card("12")
    view = until(qtbot, model, lambda view: view.fit.is_other)

    assert 12 * GIB >= view.fit.free_bytes > 0
    model.ask_other_card("no such card")
    view = until(qtbot, model, lambda view: view.fit.other_failure is not None)
    assert not view.fit.is_other
    model.ask_other_card("")
    assert model.view.fit.other_failure is None


def test_what_fits_if_others_close_names_them(qtbot: QtBot, make_model: Maker) -> None:
    """A game in the way is named in the verdict's reason, and on the start card."""
    game = GpuProcess(pid=1, name="game", used=11 * GIB)
    desk = GpuProcess(pid=2, name="Xorg", used=GIB // 4, role="desktop")
    busy = replace(BUDGET, free=GIB // 2, processes=(desk, game))
    model = make_model(device_budget=lambda memory, name: busy)
    view = with_estimates(qtbot, model)

    assert "LoRA fits once others close" == view.fit.verdict
    assert "closing game (11.0 GiB) frees 11.0 GiB" in view.fit.reason
    assert "Xorg" not in view.fit.reason
    assert any("closing game" in line.message for line in view.start.problems)
    assert "Start all the same" == view.start.start_text


def test_make_it_fit_shows_then_applies_then_undoes(
    qtbot: QtBot, make_model: Maker
) -> None:
    """Nothing changes until Apply; afterwards it fits, and undo brings all back."""
    model = make_model()
    with_estimates(qtbot, model)
    model.set_value("train.batch_size", 64)
    model.set_value("train.gradient_checkpointing", value=False)
    wished = model.plan
    model.ask_other_card("4 GiB")
    view = until(qtbot, model, lambda view: view.fit.is_other)
    assert "too large" in view.fit.bars[0].verdict
    model.offer_fit()
    view = until(qtbot, model, lambda view: view.fit.offer is not None)

    assert view.fit.offer
    assert wished == model.plan
    model.apply_offer()
    assert wished != model.plan
    assert model.view.fit.verdict_tone in {"good", "warn"}
    assert model.view.fit.offer is None
    model.undo()
    assert wished == model.plan


def test_a_refused_start_says_why(
    qtbot: QtBot, make_model: Maker, ports: Ports
) -> None:
    """When a run cannot be made, the reason and the way out stand on the card."""
    model = make_model()
    with_estimates(qtbot, model)
    model.use_starter_data()
    assert model.view.start.can_start
    model.start()
    assert model.view.start.is_starting
    view = until(qtbot, model, lambda view: view.start.failure is not None)

    assert view.start.failure is not None
    assert "The model went away." == view.start.failure.message
    assert view.start.can_start


def test_a_start_makes_the_run_and_opens_it(
    qtbot: QtBot, make_model: Maker, ports: Ports
) -> None:
    """The run is made from the draft, started once, and its page opens."""
    started: list[RunFolder] = []
    navigator = Navigator()
    model = make_model(
        navigator,
        new_run=lambda plan, force, exact: create_run(ports.places.runs, plan, {}),
        start_run=started.append,
    )
    with_estimates(qtbot, model)
    model.use_starter_data()
    with qtbot.waitSignal(navigator.requested) as opened:
        model.start()

    assert ["runs", started[0].run_id] == opened.args
    assert 1 == len(started)
    assert "starter · small" == started[0].plan().name
    assert model.plan.data == started[0].plan().data


def test_the_chat_gives_the_card_back_first(
    qtbot: QtBot, make_model: Maker, ports: Ports
) -> None:
    """With the chat on the card, Start asks once; the answer closes it and starts."""
    lease = GpuLease()
    lease.take("the chat")
    lease.wanted.connect(lease.give_back)
    navigator = Navigator()
    model = make_model(
        navigator,
        new_run=lambda plan, force, exact: create_run(ports.places.runs, plan, {}),
        device_holder=lambda: lease.taken_by,
        ask_device_back=lease.ask_back,
    )
    with_estimates(qtbot, model)
    model.use_starter_data()
    model.start()

    assert not model.view.start.is_starting
    assert "Close the chat and train" == model.view.start.held_action
    with qtbot.waitSignal(navigator.requested):
        model.start_alone()
    assert "" == lease.taken_by
    assert "" == model.view.start.held_text


def test_a_training_that_runs_is_said(make_model: Maker) -> None:
    """Two trainings may share a device, but nobody starts the second unawares."""
    model = make_model(running=lambda: ("First adapter",))

    assert any(
        "“First adapter” is training now" in line.message
        for line in model.view.start.problems
    )


def test_start_does_nothing_while_something_is_missing(make_model: Maker) -> None:
    """An incomplete draft cannot be started, not even by shortcut."""
    model = make_model()
    model.start()

    assert not model.view.start.is_starting


def test_a_plan_is_saved_and_opened(
    qtbot: QtBot, make_model: Maker, tmp_path: Path
) -> None:
    """A plan written by one draft is the same plan when opened by another."""
    model = make_model()
    model.set_value("method.rank", 64)
    file = tmp_path / "mine.toml"
    navigator = Navigator()
    other = make_model(navigator)
    model.save_plan_as(file)
    qtbot.waitUntil(file.is_file)
    with qtbot.waitSignal(navigator.toasted):
        other.open_plan_file(file)

    assert model.plan == other.plan
    assert f"tunesmith train {file}" == model.view.start.command
    model.set_value("method.rank", 32)
    assert "tunesmith train plan.toml" == model.view.start.command
    assert "once the plan is saved" in model.view.start.command_hint
    model.set_value("method.rank", 64)
    other.undo()
    assert 16 == other.plan.method.rank


def test_a_plan_with_an_unknown_key_leaves_the_draft(
    qtbot: QtBot, make_model: Maker, tmp_path: Path
) -> None:
    """A bad plan file is refused with the nearest key, and nothing is lost."""
    file = tmp_path / "bad.toml"
    write_plan(file, Plan())
    text = file.read_text(encoding="utf-8").replace("rank =", "rnak =")
    file.write_text(text, encoding="utf-8")
    model = make_model()
    model.set_value("method.rank", 64)
    model.open_plan_file(file)
    view = until(qtbot, model, lambda view: bool(view.notice))

    assert "method.rank" in view.notice
    assert 64 == model.plan.method.rank


def test_start_over_can_be_undone(make_model: Maker) -> None:
    """An emptied draft is one undo away."""
    model = make_model()
    model.set_value("method.rank", 64)
    model.start_over()
    assert Plan() == model.plan
    model.undo()

    assert with_value(Plan(), "method.rank", 64) == model.plan


def test_a_child_that_downloads_gets_token_and_switch() -> None:
    """The token goes into the child's environment, never into its arguments."""
    assert {"HF_TOKEN": "hf_x"} == hub_environment("hf_x", is_offline=False)
    assert {"HF_HUB_OFFLINE": "1"} == hub_environment("", is_offline=True)
