"""The form of all settings."""

from __future__ import annotations

from app.setup.settings_view import (
    offered_keys,
    present_settings,
    setting_row,
    unoffered_keys,
)
from core.plan.fields import BY_KEY, FIELDS, with_value
from core.plan.plan import Plan
from core.plan.problems import Problem, problems

QLORA = with_value(Plan(), "method.kind", "qlora")


def keys(query: str = "", plan: Plan = QLORA) -> list[str]:
    view = present_settings(plan, query=query)
    return [row.key for group in view.groups for row in group.rows]


def test_every_plan_key_is_in_the_form_or_elsewhere() -> None:
    """No setting of the plan is out of reach, and none is offered twice."""
    assert {field.key for field in FIELDS} == offered_keys() | unoffered_keys()
    assert set() == offered_keys() & unoffered_keys()


def test_what_the_engine_refuses_is_not_offered() -> None:
    """No choice in the form leads to "this version trains without…"."""
    for group in present_settings(QLORA).groups:
        for row in group.rows:
            for value, _ in row.choices:
                plan = with_value(QLORA, row.key, value)
                about = [p for p in problems(plan) if p.field == row.key]
                assert [] == [p for p in about if p.level == "error"]
    assert "train.packing" not in keys()


def test_quantisation_shows_with_qlora_alone() -> None:
    """Settings without effect are not shown."""
    assert "method.quant_type" in keys()
    assert "method.quant_type" not in keys(plan=Plan())


def test_search_reads_the_explanations() -> None:
    """A word from the explanation finds the setting, a nonsense word nothing."""
    assert ["method.use_dora"] == keys("2402.09353")
    assert [] == keys("zzz")
    assert (
        "No setting matches “zzz”." == present_settings(QLORA, query="zzz").empty_text
    )


def test_changed_values_are_marked_and_counted() -> None:
    """A value that is not the default says so, and what the default was."""
    plan = with_value(QLORA, "method.rank", 64)
    row = setting_row(plan, BY_KEY["method.rank"])

    assert row.is_changed
    assert "16" == row.default_text
    assert "1 changed from default" == present_settings(plan).changed_text


def test_problems_stand_beside_their_field() -> None:
    """The message is shown where the value is set."""
    wrong = Problem(level="error", field="method.rank", message="Use 1 or more.")
    view = present_settings(QLORA, found=[wrong])
    rows = {row.key: row for group in view.groups for row in group.rows}

    assert "Use 1 or more." == rows["method.rank"].problem
    assert "" == rows["method.alpha"].problem


def test_a_tip_says_what_raising_it_changes() -> None:
    """What it does, what higher means, and the default."""
    tip = setting_row(Plan(), BY_KEY["method.rank"]).tip

    assert "how much the adapter can learn" in tip
    assert "Higher: learns more detail" in tip
    assert "Default: 16." in tip
