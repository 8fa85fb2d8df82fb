"""What the Train page says, decided without Qt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.setup.draft_problems import all_problems, step_of
from app.setup.present import present
from app.setup.start_view import step_count
from app.setup.state import (
    STEPS,
    DataState,
    Failure,
    FitState,
    ModelState,
    SetupState,
    Work,
)
from core.models.catalogue import catalogue_shape
from core.plan.fields import FIELDS, with_value
from core.plan.plan import Plan
from tests.app.setup.made import BUDGET, estimate, facts, ready, report


def errors(state: SetupState) -> list[str]:
    return [item.message for item in all_problems(state) if item.level == "error"]


def test_a_whole_draft_may_start(tmp_path: Path) -> None:
    """Model here, rows usable, memory enough: nothing stands in the way."""
    view = present(ready(tmp_path))

    assert view.start.can_start
    assert () == view.start.problems
    assert "" == view.start.missing
    assert ["done"] * 4 == [head.state for head in view.steps[:4]]


def test_an_empty_draft_says_what_is_missing() -> None:
    """The first thing missing is named, and how many more there are."""
    view = present(SetupState())

    assert not view.start.can_start
    assert "Choose a base model. (1 more)" == view.start.missing
    assert ["model", "data"] == [line.step for line in view.start.problems]
    assert ["todo"] * 5 == [head.state for head in view.steps]


def test_a_model_to_download_blocks_the_start(tmp_path: Path) -> None:
    """A model that is not on this disk must come here first."""
    away = facts(path=None, source="catalogue")
    state = ready(tmp_path, models=ModelState(listed=(away,), chosen=away))

    assert ["small is not ready. Download it first."] == errors(state)


def test_a_model_being_downloaded_blocks_the_start(tmp_path: Path) -> None:
    """Half a model is none."""
    away = facts(path=None, source="catalogue")
    work = Work(what="Downloading small")
    models = ModelState(chosen=away, work=work, work_id="org/small")

    assert ["Downloading small: wait until it is done."] == errors(
        ready(tmp_path, models=models)
    )
    other = ModelState(chosen=facts(), work=work, work_id="org/other")
    assert [] == errors(ready(tmp_path, models=other))


def test_bad_rows_wait_for_a_word(tmp_path: Path) -> None:
    """Rows that cannot be used stop the run until the person says to leave them out."""
    found = DataState(report=report(rows=103, bad_rows=3))
    waiting = ready(tmp_path, data=found)
    agreed = replace(waiting, plan=with_value(waiting.plan, "data.on_bad_row", "skip"))

    assert ["3 rows cannot be used. Leave them out?"] == errors(waiting)
    assert [] == errors(agreed)


def test_data_without_a_usable_row_blocks_the_start(tmp_path: Path) -> None:
    """Skipping every row leaves nothing to learn from."""
    state = ready(tmp_path, data=DataState(report=report(usable=0)))
    state = replace(state, plan=with_value(state.plan, "data.on_bad_row", "skip"))

    assert ["No row can be used as the columns are mapped."] == errors(state)


def test_too_large_is_forced_only_by_name(tmp_path: Path) -> None:
    """What would not fit may be started, but the button says so."""
    fit = FitState(budget=BUDGET, estimates={"lora": estimate(verdict="too-large")})
    view = present(ready(tmp_path, fit=fit))

    assert view.start.can_start
    assert view.start.forces
    assert "Start all the same" == view.start.start_text
    assert "problem" == view.steps[3].state


def test_another_card_does_not_judge_the_start(tmp_path: Path) -> None:
    """Figures for a card that is not here say nothing about this machine."""
    fit = FitState(
        budget=BUDGET,
        other=replace(BUDGET, name="a card with 4 GiB", imagined=True),
        estimates={"lora": estimate(verdict="too-large")},
    )
    view = present(ready(tmp_path, fit=fit))

    assert not view.start.forces
    assert "Start training" == view.start.start_text
    assert "not for this machine" in view.start.problems[0].message
    assert "of 10.0 GiB on a card with 4 GiB" == view.summary[3].detail


def test_starting_offers_no_second_start(tmp_path: Path) -> None:
    """While a run is being made, the button waits."""
    view = present(ready(tmp_path, is_starting=True))

    assert not view.start.can_start
    assert "Starting" == view.start.start_text


def test_a_missing_file_is_a_problem_of_the_data_step(tmp_path: Path) -> None:
    """A file that went away is named where it was chosen."""
    state = ready(tmp_path)
    gone = with_value(state.plan, "data.files", (str(tmp_path / "gone.jsonl"),))
    view = present(replace(state, plan=gone))

    assert "problem" == view.steps[1].state
    assert "data" == view.start.problems[0].step
    assert "gone.jsonl" in view.start.problems[0].message


def test_every_plan_key_has_a_step() -> None:
    """A problem of any field leads somewhere."""
    assert {step_of(field.key) for field in FIELDS} <= set(STEPS)
    assert "fit" == step_of("train.seq_len")
    assert "method" == step_of("train.learning_rate")
    assert "start" == step_of("name")


@pytest.mark.parametrize(
    ("key", "value", "step"),
    [
        ("train.learning_rate", 5.0, "method"),
        ("train.seq_len", 4, "fit"),
        ("data.eval_fraction", 2.0, "data"),
    ],
)
def test_a_value_out_of_bounds_marks_its_step(
    tmp_path: Path, key: str, value: Any, step: str
) -> None:
    """The stepper shows where the trouble is."""
    state = ready(tmp_path)
    view = present(replace(state, plan=with_value(state.plan, key, value)))
    at = STEPS.index(step)  # pyright: ignore[reportArgumentType]

    assert "problem" == view.steps[at].state
    assert not view.start.can_start


def test_changed_values_stand_on_the_last_card(tmp_path: Path) -> None:
    """The last step lists what was changed from the default, by its label."""
    state = ready(tmp_path)
    view = present(replace(state, plan=with_value(state.plan, "method.rank", 64)))
    told = {row[0]: row[1] for row in view.start.facts}

    assert "rank 64" == told["Changed"]


def test_the_summary_names_each_choice(tmp_path: Path) -> None:
    """Model, data, method and memory stay in sight on every step."""
    view = present(ready(tmp_path))

    assert ["Model", "Data", "Method", "Memory"] == [x.label for x in view.summary]
    assert ["small", "chats.jsonl", "LoRA", "2.00 GiB"] == [
        x.value for x in view.summary
    ]
    assert "100 rows · 9,000 tokens" == view.summary[1].detail


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({}, 12),
        ({"train.epochs": 2.0}, 24),
        ({"train.epochs": 0.01}, 1),
        ({"train.max_steps": 60}, 60),
        ({"train.batch_size": 4, "train.gradient_accumulation": 4}, 6),
    ],
)
def test_the_steps_of_the_run_are_counted(
    tmp_path: Path, settings: dict[str, Any], steps: int
) -> None:
    """Ninety rows, batches of eight: twelve steps; a limit drives out the epochs."""
    state = ready(tmp_path)
    plan = state.plan
    for key, value in settings.items():
        plan = with_value(plan, key, value)

    assert steps == step_count(replace(state, plan=plan))


def test_the_name_is_suggested(tmp_path: Path) -> None:
    """A run without a name goes by its data and model."""
    assert "chats · small" == present(ready(tmp_path)).start.name_hint


def test_the_command_is_safe_to_paste() -> None:
    """A name with spaces and quotes cannot break the command line."""
    state = SetupState(plan=Plan(name="a b; rm -rf 'x'"))

    assert "tunesmith train a-b--rm--rf--x-.toml" == present(state).start.command


def test_a_method_that_saves_nothing_says_so(tmp_path: Path) -> None:
    """Where no layer can be packed, QLoRA's card promises no saving and no rounding."""
    state = ready(tmp_path)
    shape = catalogue_shape("Qwen/Qwen2.5-0.5B")
    assert shape is not None
    packed = replace(state, models=replace(state.models, shape=shape))
    none = replace(shape, blocks=())
    never = replace(state, models=replace(state.models, shape=none))

    lora, qlora = present(packed).method.cards
    same, nothing = present(never).method.cards
    assert "4 bit" in qlora.what
    assert qlora.quality != lora.quality
    assert "Saves nothing here" in nothing.what
    assert (lora.what, lora.quality) == (same.what, nothing.quality)


def test_the_summary_says_what_is_under_way_and_what_failed(tmp_path: Path) -> None:
    """A model on its way is not called missing; unread data is not called chosen."""
    state = ready(tmp_path)
    away = facts(path=None)
    work = Work(what="Unpacking")
    models = replace(state.models, chosen=away, work=work, work_id=away.id)
    data = DataState(failure=Failure(message="No text.", code="dataset.binary"))
    columns = DataState(failure=Failure(message="?", code="dataset.format_unknown"))

    badges = [item.badge for item in present(replace(state, models=models)).summary]
    assert "Under way" == badges[0]
    unread = present(replace(state, data=data)).summary[1]
    unmapped = present(replace(state, data=columns)).summary[1]
    assert ("Cannot be read", "bad") == (unread.badge, unread.tone)
    assert ("Which columns?", "warn") == (unmapped.badge, unmapped.tone)
