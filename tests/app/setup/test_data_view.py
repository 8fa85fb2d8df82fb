"""Step 2 as it is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app.setup.data_view import DataView, present_data
from app.setup.report import (
    LineProblem,
    Preview,
    PreviewToken,
    TokenFigures,
    preview_from,
    report_from,
)
from app.setup.state import DataState, Failure
from core.plan.fields import with_value
from core.plan.plan import DataChoice, Plan
from tests.app.setup.made import report

PLAN = Plan(data=DataChoice(files=("rows.jsonl",)))


def shown(plan: Plan = PLAN, **state: object) -> DataView:
    return present_data(plan, replace(DataState(), **state), has_model=True)  # pyright: ignore[reportArgumentType]


def test_a_file_that_went_away_is_marked(tmp_path: Path) -> None:
    """A missing file is said beside its name."""
    here = tmp_path / "here.csv"
    here.touch()
    plan = Plan(data=DataChoice(files=(str(here), str(tmp_path / "gone.csv"))))

    assert [False, True] == [file.is_missing for file in shown(plan).files]


def test_the_format_is_told_with_its_columns() -> None:
    """What was recognised is said in words, with the mapping."""
    view = shown(report=report())

    assert (
        "Recognised: Prompt and completion · prompt from “question”, completion from"
        " “answer”"
    ) == view.format_text


def test_roles_offer_the_files_columns() -> None:
    """Columns can be mapped by hand; what is in use is chosen."""
    view = shown(report=report())

    assert ("question", "answer") == view.columns
    assert [("prompt", "question"), ("completion", "answer"), ("system", "")] == [
        (role.role, role.column) for role in view.roles
    ]


def test_bad_rows_are_left_out_only_by_choice() -> None:
    """Without a word from the person, bad rows are a warning."""
    bad = report(rows=110, bad_rows=10)
    agreed = with_value(PLAN, "data.on_bad_row", "skip")

    assert ("warn", "100 of 110 rows can be used") == (
        shown(report=bad).headline_tone,
        shown(report=bad).headline,
    )
    assert ("good", "10 bad rows left out.") == (
        shown(agreed, report=bad).headline_tone,
        shown(agreed, report=bad).headline_detail,
    )


def test_a_longer_sequence_is_offered_where_rows_are_cut() -> None:
    """The button says which length keeps 99 % of the rows whole."""
    plan = with_value(PLAN, "train.seq_len", 256)
    view = shown(plan, report=report(truncated=20, keeps_99=320))

    assert view.cut is not None
    assert "20 rows (20.0 %) cut at 256." == view.cut.text
    assert ("320 keeps 99 %", 320) == (view.cut.offer, view.cut.offered_len)


def test_a_shorter_sequence_is_offered_where_nothing_is_cut() -> None:
    """Room that no row uses costs memory for nothing."""
    view = shown(report=report(keeps_99=320))

    assert view.cut is not None
    assert "320 keeps 99 %" == view.cut.offer


def test_nothing_is_offered_where_nothing_is_gained() -> None:
    """A length that keeps 99 % already has no button."""
    plan = with_value(PLAN, "train.seq_len", 320)
    view = shown(plan, report=report(truncated=1, keeps_99=320))

    assert view.cut is not None
    assert "" == view.cut.offer


def test_plain_text_is_split_not_cut() -> None:
    """Long text loses nothing, so no longer sequence is pressed on anybody."""
    view = shown(report=report(format="text", truncated=9, keeps_99=4096))

    assert view.cut is not None
    assert "split into pieces of at most 1,024 tokens" in view.cut.text
    assert "" == view.cut.offer


def test_rows_that_teach_nothing_are_counted() -> None:
    """A row whose answer is cut away whole is said, though nobody must mend it."""
    view = shown(report=report(rows=102, usable=100))

    assert "2 rows left out; the reason stands below." == view.headline_detail


def test_no_tokens_without_a_model() -> None:
    """Characters are not tokens: without a tokenizer there is no length and no cut."""
    view = present_data(PLAN, DataState(report=report(tokens=None)), has_model=False)

    assert view.cut is None
    assert "Choose a model" in view.preview_hint
    assert "Tokens" not in [row[0] for row in view.figures]


def test_the_preview_counts_what_is_trained() -> None:
    """Row, tokens and trained tokens stand in its title; the ends have no arrow."""
    preview = Preview(
        row=0,
        rows=2,
        tokens=(
            PreviewToken(text="Hi", is_trained=False),
            PreviewToken(text=" there", is_trained=True),
        ),
    )
    view = shown(report=report(), preview=preview).preview

    assert view is not None
    assert "Row 1 of 2 · 2 tokens · 1 trained" == view.title
    assert not view.can_go_back
    assert view.can_go_on


def test_nothing_held_out_is_said() -> None:
    """Without held-out rows the page says what is lost."""
    plan = with_value(PLAN, "data.eval_fraction", 0.0)

    assert "Nothing is held out" in shown(plan).held_out_text


def test_a_report_is_read_with_care() -> None:
    """Keys that are missing or of another kind leave their value empty."""
    found = report_from({
        "format": "text",
        "rows": 3,
        "usable": 2,
        "bad_rows": 1,
        "problems": [{"line": 2, "code": "x", "message": "bad"}, "noise"],
        "tokens": {"p50": 1, "p90": 2, "p99": 3, "max": 4, "total": 9},
        "histogram": {"edges": [0, 10], "counts": [1, 2]},
        "duplicates": [[1, 2]],
        "duplicate_rows": [
            {"row": {"file": "a", "line": 9}, "other": {"file": "/x/b.csv", "line": 2}}
        ],
    })  # fmt: skip

    assert 1 == found.bad_rows
    assert ["bad"] == [problem.message for problem in found.problems]
    assert TokenFigures(p50=1, p90=2, p99=3, longest=4, total=9) == found.tokens
    assert found.bars is None
    assert 1 == found.duplicates
    assert [(9, "Repeats line 2 of b.csv.")] == [
        (twin.line, twin.message) for twin in found.twins
    ]
    assert 0 == report_from({}).rows


def test_faults_and_repeats_are_listed_together() -> None:
    """Every line worth a look stands in one table, and the title counts the kinds."""
    fault = LineProblem(line=3, code="x", message="Bad.")
    twin = LineProblem(line=9, code="duplicate", message="Repeats line 2.")
    found = report(problems=(fault,), problem_count=1, twins=(twin,), duplicates=1)
    view = shown(report=found)

    assert (fault, twin) == view.problems
    assert "1 fault · 1 duplicate" == view.problems_title


def test_a_preview_is_read_with_care() -> None:
    """Each token keeps its text and whether it is learnt."""
    found = preview_from(
        {"rows": 5, "tokens": [{"text": "a", "id": 1, "trained": True}]}, row=3
    )

    assert (3, 5, 1) == (found.row, found.rows, found.trained_count)


def test_what_keeps_a_file_from_being_read_is_said_once() -> None:
    """The preview fails for the same reason, and shows nothing of an earlier file."""
    wrong = Failure(message="It is not text.")
    seen = Preview(row=0, rows=9, tokens=())
    view = shown(failure=wrong, preview=seen, preview_failure=wrong)

    assert wrong == view.failure
    assert view.preview is None
    assert view.preview_failure is None
    assert shown(preview_failure=wrong).preview_failure == wrong


def test_plain_text_has_no_answers_to_learn_from() -> None:
    """The choice between answers and everything is offered where there are answers."""
    assert shown(report=report()).chooses_loss
    assert not shown(report=report(format="text")).chooses_loss
