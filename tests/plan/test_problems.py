"""What is wrong with a plan, all of it at once, each beside its field."""

from pathlib import Path
from typing import Any

import pytest

from core.plan.fields import with_value
from core.plan.plan import Plan
from core.plan.problems import problems


@pytest.fixture
def sound(tmp_path: Path) -> Plan:
    """A plan nothing is wrong with."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text("{}\n")
    plan = with_value(Plan(), "model.id", "starter")
    return with_value(plan, "data.files", (str(rows),))


def test_a_sound_plan_has_no_problems(sound: Plan) -> None:
    """Neither errors nor warnings."""
    assert () == problems(sound, context_length=8192)


def test_an_empty_plan_says_what_is_missing() -> None:
    """Model and data, both at once."""
    found = {problem.field for problem in problems(Plan()) if problem.level == "error"}

    assert {"model.id", "data.files"} == found


@pytest.mark.parametrize(
    ("key", "value", "level"),
    [
        ("data.files", ("/not/there.jsonl",), "error"),
        ("method.target_modules", (), "error"),
        ("method.rank", 0, "error"),
        ("method.rank", 4096, "error"),
        ("train.learning_rate", 5.0, "error"),
        ("train.seq_len", 16_384, "error"),
        ("train.packing", True, "error"),
        ("train.attention", "flash", "error"),
        ("method.kind", "full", "error"),
        ("method.kind", "lora8", "error"),
        ("data.eval_fraction", 0.0, "warning"),
        ("train.learning_rate", 0.01, "warning"),
        ("method.alpha", 128, "warning"),
        ("train.epochs", 50.0, "warning"),
    ],
)
def test_each_problem_stands_beside_its_field(
    sound: Plan, key: str, value: Any, level: str
) -> None:
    """One thing wrong gives one problem, of the right weight."""
    found = problems(with_value(sound, key, value), context_length=8192)

    of_this_level = [p.field for p in found if p.level == level]
    assert [key] == of_this_level
    assert all(problem.message.endswith((".", "?")) for problem in found)
