"""What the page does: questions in, views out, and never an error past it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.fits.ports import read_draft
from app.fits.viewmodel import FitsViewModel
from app.glance import DeviceGlance
from app.qtwork import process
from app.qtwork.navigator import Navigator
from app.setup.asked_card import asked_card
from core.errors import PlanError
from core.estimate.memory import estimate
from core.hardware.budget import DeviceBudget
from core.models.facts import ModelFacts
from core.models.shape import ModelShape
from core.places import Places
from core.plan.codec import write_plan
from core.plan.fields import with_value
from core.plan.plan import ModelChoice, Plan
from core.units import GIB
from tests.app.fits.conftest import DRAFT, LARGE, MIDDLE, SMALL, Maker, known
from tests.app.setup.made import BUDGET
from tests.fakes.dry_child import DryChild


def answered(qtbot: QtBot, model: FitsViewModel) -> None:
    """Wake the page and wait until every model has its price."""
    model.wake()
    qtbot.waitUntil(lambda: bool(model.state.prices and model.state.cards))


def test_it_begins_with_the_draft(qtbot: QtBot, make_model: Maker) -> None:
    """Model and settings of the Train page are the first question."""
    model = make_model()
    answered(qtbot, model)

    assert MIDDLE == model.state.plan.model.id
    assert 1e-3 == model.state.plan.train.learning_rate
    assert {"lora", "qlora"} == set(model.state.estimates)
    assert model.state.formulas
    assert 4 == len(model.state.uses)
    view = model.view.heat
    assert view is not None
    assert len(view.cells) == len(view.grid.batches) * len(view.grid.lengths)


def test_without_a_draft_it_begins_with_the_largest_that_fits(
    qtbot: QtBot, make_model: Maker
) -> None:
    """A newcomer sees at once what this card could do, by the better method."""
    model = make_model(read_draft=Plan)
    answered(qtbot, model)
    qtbot.waitUntil(lambda: bool(model.state.estimates))

    assert MIDDLE == model.state.plan.model.id
    assert "qlora" == model.state.plan.method.kind
    assert model.state.estimate is not None
    assert model.state.estimate.fits


def test_a_plan_handed_over_is_the_question(qtbot: QtBot, make_model: Maker) -> None:
    """What the Train page sends is asked, not the draft on disk."""
    model = make_model()
    plan = with_value(replace(DRAFT, model=ModelChoice(id=SMALL)), "method.rank", 64)
    model.ask_about(plan)
    answered(qtbot, model)
    qtbot.waitUntil(lambda: model.state.chosen is not None)

    assert plan == model.state.plan
    assert known(SMALL) == model.state.chosen


def test_a_slider_redraws_the_bars(qtbot: QtBot, make_model: Maker) -> None:
    """More tokens at once need more; the map's cells are kept, for they are the same."""
    model = make_model()
    answered(qtbot, model)
    before, cells = model.state.estimates["lora"], model.state.cells
    model.set_value("train.batch_size", 8)
    qtbot.waitUntil(lambda: model.state.estimates["lora"] != before)

    plan = with_value(DRAFT, "train.batch_size", 8)
    shape, budget = model.state.shape, model.state.judged
    assert shape is not None
    assert budget is not None
    assert estimate(plan, shape, budget) == model.state.estimates["lora"]
    assert cells == model.state.cells


def test_a_cell_sets_batch_and_length(qtbot: QtBot, make_model: Maker) -> None:
    """A click on the map is both sliders at once."""
    model = make_model()
    answered(qtbot, model)
    model.choose_cell(4, 256)
    qtbot.waitUntil(lambda: model.view.heat is not None)

    view = model.view.heat
    assert view is not None
    assert (4, 256) == (
        model.state.plan.train.batch_size, model.state.plan.train.seq_len
    )  # fmt: skip
    assert (
        view.grid.batches.index(4), view.grid.lengths.index(256)
    ) == view.chosen  # fmt: skip


def test_another_card_is_judged(qtbot: QtBot, make_model: Maker) -> None:
    """By name, by size, and back; a name nobody knows says so and changes nothing."""
    model = make_model()
    answered(qtbot, model)
    model.ask_device("3090")
    qtbot.waitUntil(lambda: model.state.other is not None)
    assert "GeForce RTX 3090" == model.state.device_key

    model.ask_device("80")
    qtbot.waitUntil(lambda: "80" in (model.state.judged or DRAFT).name)
    assert model.state.judged is not None
    assert 80 << 30 == model.state.judged.total

    model.ask_device("Voodoo 2")
    qtbot.waitUntil(lambda: model.state.device_failure is not None)
    assert 80 << 30 == model.state.judged.total

    model.ask_device("")
    assert model.state.other is None
    assert model.state.device_failure is None


def test_looking_again_finds_memory_that_was_freed(
    qtbot: QtBot, make_model: Maker
) -> None:
    """After closing a program one button judges anew, and keeps the settings."""
    free = [4 * GIB]
    model = make_model(device_budget=lambda memory, name: replace(BUDGET, free=free[0]))
    answered(qtbot, model)
    model.set_value("method.kind", "qlora")
    qtbot.waitUntil(lambda: not getattr(model.state.estimate, "fits", True))
    free[0] = 12 * GIB
    model.wake()
    qtbot.waitUntil(lambda: getattr(model.state.estimate, "fits", False))

    assert "qlora" == model.state.plan.method.kind


def test_a_model_nobody_knows_is_told(qtbot: QtBot, make_model: Maker) -> None:
    """The reason stands below the field; the last answer stays."""
    model = make_model()
    answered(qtbot, model)
    model.choose_model("org/nowhere")
    qtbot.waitUntil(lambda: model.state.model_failure is not None)

    failure = model.view.question.model_failure
    assert failure is not None
    assert "is no model" in failure.message
    assert known(MIDDLE) == model.state.chosen


def test_a_shorter_model_shortens_the_length(qtbot: QtBot, make_model: Maker) -> None:
    """Nobody is told about sequences a model cannot read."""
    model = make_model()
    answered(qtbot, model)
    model.set_value("train.seq_len", 32_768)
    model.choose_model(SMALL)
    qtbot.waitUntil(lambda: model.state.chosen == known(SMALL))

    assert known(SMALL).context_length == model.state.plan.train.seq_len


def test_the_grid_chooses_model_and_method(qtbot: QtBot, make_model: Maker) -> None:
    """A click below QLoRA takes both; a column for comparison takes the model alone."""
    model = make_model()
    answered(qtbot, model)
    model.choose_priced(LARGE, "qlora")
    qtbot.waitUntil(lambda: model.state.chosen == known(LARGE))
    assert "qlora" == model.state.plan.method.kind

    model.choose_priced(SMALL, "full")
    qtbot.waitUntil(lambda: model.state.chosen == known(SMALL))
    assert "qlora" == model.state.plan.method.kind


def test_a_cell_that_needs_checkpointing_turns_it_on(
    qtbot: QtBot, make_model: Maker
) -> None:
    """What the cell promised is what is shown after the click."""
    draft = with_value(DRAFT, "train.seq_len", 4096)
    model = make_model(read_draft=lambda: draft)
    answered(qtbot, model)
    assert model.state.prices[MIDDLE]["qlora"].checkpointed is not None
    model.choose_priced(MIDDLE, "qlora")
    qtbot.waitUntil(lambda: getattr(model.state.estimate, "fits", False))

    assert model.state.plan.train.gradient_checkpointing
    assert "qlora" == model.state.plan.method.kind


def test_rows_in_view_get_their_longest(qtbot: QtBot, make_model: Maker) -> None:
    """Only what is looked at is worked out."""
    model = make_model()
    answered(qtbot, model)
    qtbot.waitUntil(lambda: not model._figuring._pause.isActive())
    model.look_at(0, 0)
    qtbot.waitUntil(lambda: bool(model.state.longest))

    assert {MIDDLE} == set(model.state.longest)
    assert model.state.longest[MIDDLE] > 0


def test_it_is_made_to_fit_and_undone(qtbot: QtBot, make_model: Maker) -> None:
    """The settings change, the page says what and why, the toast takes it back."""
    navigator = Navigator()
    model = make_model(navigator)
    answered(qtbot, model)
    model.set_value("train.batch_size", 8)
    qtbot.waitUntil(lambda: model.view.answer.can_make_fit)
    asked = model.state.plan
    with qtbot.waitSignal(navigator.toasted) as told:
        model.make_fit()
    qtbot.waitUntil(lambda: getattr(model.state.estimate, "fits", False))

    assert asked != model.state.plan
    assert not model.view.answer.can_make_fit
    assert "make" in model.view.answer.offer_text.lower()
    told.args[2]()
    assert asked == model.state.plan
    assert "" == model.view.answer.offer_text


def test_what_cannot_be_made_to_fit_says_so(qtbot: QtBot, make_model: Maker) -> None:
    """72B on 12 GiB: nothing is changed behind one's back."""
    model = make_model(read_draft=lambda: replace(DRAFT, model=ModelChoice(id=LARGE)))
    answered(qtbot, model)
    before = model.state.plan
    model.make_fit()
    qtbot.waitUntil(lambda: model.state.offer is not None)

    assert before == model.state.plan
    assert model.view.answer.offer_text


def test_the_draft_is_taken_again(qtbot: QtBot, make_model: Maker) -> None:
    """After playing, one button asks about the Train page's draft as it is now."""
    model = make_model()
    answered(qtbot, model)
    model.set_value("method.rank", 128)
    model.choose_model(SMALL)
    qtbot.waitUntil(lambda: model.state.chosen == known(SMALL))
    model.take_draft()
    qtbot.waitUntil(lambda: model.state.chosen == known(MIDDLE))

    assert DRAFT == model.state.plan


def test_the_settings_go_to_train(qtbot: QtBot, make_model: Maker) -> None:
    """The draft as it is on disk now, with this model and these settings."""
    navigator = Navigator()
    model = make_model(navigator)
    answered(qtbot, model)
    model.set_value("method.rank", 32)
    with qtbot.waitSignal(navigator.requested) as told:
        model.train()

    assert ["train", with_value(DRAFT, "method.rank", 32)] == told.args


def test_a_dry_run_counts(
    qtbot: QtBot, make_model: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its figure prices the method chosen; other settings drop it, undoing brings it."""
    monkeypatch.setattr(process, "Task", DryChild)
    monkeypatch.setattr(DryChild, "asked", [])
    model = make_model()
    answered(qtbot, model)
    formula = model.state.estimates["lora"]
    model.run_dry()
    qtbot.waitUntil(lambda: model.state.exact.tensors == 1016)
    qtbot.waitUntil(lambda: model.state.estimates["lora"] != formula)

    exact = model.state.estimates["lora"]
    model.set_value("train.batch_size", 2)
    assert model.state.exact.tensors is None
    model.set_value("train.batch_size", 1)
    qtbot.waitUntil(lambda: model.state.estimates["lora"] == exact)
    assert 1 == len(DryChild.asked)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("12", (12 * GIB, None)), ("12 GiB", (12 * GIB, None)), ("4070", (None, "4070")),
        ("RTX 4070", (None, "RTX 4070")), ("80gb", (80 * GIB, None)),
        ("999999999999", (None, "999999999999")), ("²", (None, "²")),
        ("0.5", (GIB // 2, None)), ("12,5 GiB", (25 * GIB // 2, None)),
    ],
)  # fmt: skip
def test_a_card_by_number_is_a_size_or_a_name(
    text: str, meant: tuple[int | None, str | None]
) -> None:
    """12 is a memory in GiB, 4070 is a card."""
    assert meant == asked_card(text)


# -- never an error past it ----------------------------------------------------------


def refuse(plan: Plan, shape: ModelShape, budget: DeviceBudget, **_: Any) -> Any:
    raise PlanError("plan.odd", "This plan is odd.", hint="Change it.")


def break_down(plan: Plan, shape: ModelShape, budget: DeviceBudget, **_: Any) -> Any:
    raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize(
    ("broken", "words"), [(refuse, "This plan is odd."), (break_down, "ZeroDivision")]
)
def test_an_estimate_that_fails_is_told(
    qtbot: QtBot, make_model: Maker, broken: Any, words: str
) -> None:
    """Our own error or a bug: words on the page, and the window goes on."""
    model = make_model(estimate=broken)
    model.wake()
    qtbot.waitUntil(lambda: model.view.answer.failure is not None)

    failure = model.view.answer.failure
    assert failure is not None
    assert words in failure.message
    assert () == model.view.answer.bars


def test_a_machine_that_cannot_be_looked_at_is_told(
    qtbot: QtBot, make_model: Maker
) -> None:
    """A failure while looking leaves a page with words, not a crash."""

    def gone() -> tuple[ModelFacts, ...]:
        raise PermissionError("no access to the models' folder")

    model = make_model(list_models=gone)
    model.wake()
    qtbot.waitUntil(lambda: model.view.answer.failure is not None)

    assert "no access" in getattr(model.view.answer.failure, "message", "")


def test_a_damaged_draft_is_left_alone(tmp_path: Any) -> None:
    """The defaults are asked about instead, and the file stays for the Train page."""
    places = Places(home=tmp_path).make()
    assert Plan() == read_draft(places)

    write_plan(places.home / "draft.toml", DRAFT)
    assert DRAFT == read_draft(places)

    (places.home / "draft.toml").write_text("not = = toml", encoding="utf-8")
    assert Plan() == read_draft(places)
    assert (places.home / "draft.toml").is_file()


def test_memory_that_comes_free_is_seen_and_breathing_is_not(
    qtbot: QtBot, make_model: Maker
) -> None:
    """Free memory is measured again once it truly moves, and only for this machine."""
    free = [12 * GIB]
    asked: list[str | None] = []

    def device(memory: int | None, name: str | None) -> DeviceBudget:
        asked.append(name)
        if name is not None:
            return replace(BUDGET, name=name, total=24 * GIB, free=24 * GIB)
        return replace(BUDGET, total=12 * GIB, free=free[0])

    model = make_model(device_budget=device)
    answered(qtbot, model)
    seen = DeviceGlance(name=BUDGET.name, is_gpu=True, total=12 * GIB, free=12 * GIB)
    asked.clear()
    model.hear_device(replace(seen, free=12 * GIB - GIB // 8))
    assert not model._measuring.is_busy

    free[0] = 2 * GIB
    model.hear_device(replace(seen, free=2 * GIB))
    qtbot.waitUntil(lambda: model.view.answer.free_bytes == 2 * GIB)
    assert "too large" == model.view.answer.verdict
    assert "2.00 GiB" in model.view.question.device_detail

    model.ask_device("GeForce RTX 4090")
    qtbot.waitUntil(lambda: model.state.other is not None)
    asked.clear()
    model.hear_device(replace(seen, free=12 * GIB))
    assert not model._measuring.is_busy
    assert not asked

    free[0] = 12 * GIB
    model.ask_device("")
    qtbot.waitUntil(lambda: model.view.answer.free_bytes == 12 * GIB)
