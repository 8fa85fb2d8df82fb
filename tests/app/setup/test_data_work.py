"""The dataset doctor behind step 2, in its real child process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.setup.data_view import present_data
from app.setup.data_work import DataWork
from app.setup.ports import columns_of_file
from core.plan.fields import with_value
from core.plan.plan import DataChoice, Plan

ROWS = """\
{"question": "What is 2 + 2?", "answer": "4"}
{"question": "And 3 + 3?", "answer": ""}
{"question": "What is 5 + 5?", "answer": "10"}
"""


@pytest.fixture
def work(qtbot: QtBot) -> Iterator[DataWork]:
    """Return the doctor's caller; its children are gone at the end."""
    made = DataWork(columns_of_file)
    yield made
    made.shut_down()


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    file = tmp_path / "rows.jsonl"
    file.write_text(ROWS, encoding="utf-8")
    return Plan(data=DataChoice(files=(str(file),)))


def reported(qtbot: QtBot, work: DataWork) -> None:
    def is_there() -> bool:
        return work.state.report is not None and not work.state.is_stale

    qtbot.waitUntil(is_there)


def test_rows_are_counted_and_bad_ones_named(
    qtbot: QtBot, work: DataWork, plan: Plan
) -> None:
    """Two rows can be used; the empty answer is named by its line."""
    work.follow(plan, None)
    reported(qtbot, work)

    report = work.state.report
    assert report is not None
    assert (3, 2, 1) == (report.rows, report.usable, report.bad_rows)
    assert [2] == [problem.line for problem in report.problems]
    assert report.tokens is None
    assert work.state.work is None


def test_the_newest_choice_is_the_one_examined(
    qtbot: QtBot, work: DataWork, plan: Plan
) -> None:
    """A change while the doctor reads stops it; the newer question is answered."""
    work.follow(plan, None)
    work.check_again()
    assert work.state.work is not None
    work.follow(with_value(plan, "data.eval_fraction", 0.5), None)
    work.check_again()
    reported(qtbot, work)

    assert work.state.report is not None
    assert 1 == work.state.report.eval_rows


def test_a_change_taken_back_needs_no_second_look(
    qtbot: QtBot, work: DataWork, plan: Plan
) -> None:
    """Undo within a moment leaves the report as good as it was."""
    work.follow(plan, None)
    reported(qtbot, work)
    report = work.state.report
    work.follow(with_value(plan, "data.eval_fraction", 0.5), None)
    assert work.state.is_stale
    work.follow(plan, None)
    reported(qtbot, work)

    assert report is work.state.report


def test_a_check_can_be_cancelled_and_begun_again(
    qtbot: QtBot, work: DataWork, plan: Plan
) -> None:
    """After a cancel nothing runs and nothing is claimed; reading again works."""
    work.follow(plan, None)
    work.check_again()
    work.cancel()
    qtbot.waitUntil(lambda: work.state.work is None)
    assert work.state.report is None
    assert work.state.failure is None
    work.check_again()
    reported(qtbot, work)

    assert work.state.report is not None


def test_a_file_that_is_no_data_is_refused_in_words(
    qtbot: QtBot, work: DataWork, plan: Plan, tmp_path: Path
) -> None:
    """An empty file is an error with a way out, and the report is gone."""
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    work.follow(replace(plan, data=DataChoice(files=(str(empty),))), None)
    qtbot.waitUntil(lambda: work.state.failure is not None)

    assert work.state.failure is not None
    assert work.state.failure.hint
    assert work.state.report is None


def test_columns_nobody_knows_are_offered(
    qtbot: QtBot, work: DataWork, tmp_path: Path
) -> None:
    """Where the format cannot be told, the columns are there to be given roles."""
    table = tmp_path / "table.csv"
    table.write_text("text,category\nMy card is lost,card\n", encoding="utf-8")
    plan = Plan(data=DataChoice(files=(str(table),)))
    work.follow(plan, None)
    qtbot.waitUntil(lambda: bool(work.state.columns))

    assert ("text", "category") == work.state.columns
    view = present_data(plan, work.state, has_model=False)
    assert ["prompt", "completion", "system"] == [role.role for role in view.roles]
    assert view.failure is not None
    assert "Say above which column plays which role." == view.failure.hint
    roles = {"prompt": "text", "completion": "category"}
    work.follow(with_value(plan, "data.columns", roles), None)
    reported(qtbot, work)
    assert work.state.failure is None


def test_without_files_nothing_is_read(work: DataWork, plan: Plan) -> None:
    """Taking the last file away forgets what was known of it."""
    work.follow(plan, None)
    assert work.state.is_stale
    work.follow(Plan(), None)

    assert work.state.report is None
    assert not work.state.is_stale
    assert work.state.work is None
