"""The dataset doctor and the preview tell the truth about a file."""

import json
from pathlib import Path

import pytest

from core.data.doctor import check
from core.data.examples import examples
from core.data.lengths import figures, histogram, keeps
from core.data.preview import preview
from core.errors import DatasetError
from core.plan.plan import DataChoice
from tests.data.byte_tokenizer import ByteTokenizer, refuses_all


def write(path: Path, *pairs: tuple[str, str]) -> str:
    rows = [json.dumps({"prompt": asked, "completion": told}) for asked, told in pairs]
    path.write_text("\n".join(rows))
    return str(path)


def test_rows_problems_and_lengths_are_counted(tmp_path: Path) -> None:
    """Each row is usable, bad or set aside; lengths are tokens of the whole chat."""
    file = write(
        tmp_path / "a.jsonl", ("a", "b"), ("a", ""), ("c", "d" * 50), ("e", "f")
    )
    choice = DataChoice(files=(file,), eval_fraction=0.0)

    found = check(choice, tokenizer=ByteTokenizer(), seq_len=64)

    assert (4, 3, 1) == (found.rows, found.usable, found.bad_rows)
    assert [(2, "dataset.row_no_answer")] == [(p.line, p.code) for p in found.problems]
    assert found.tokens is not None
    assert found.tokens.p50 + 49 == found.tokens.max
    assert 1 == found.truncated
    assert 128 == found.keeps_99
    assert found.histogram is not None
    assert 3 == sum(found.histogram.counts)
    assert (3, 0) == (found.train_rows, found.eval_rows)


def test_without_a_model_nothing_is_said_about_tokens(tmp_path: Path) -> None:
    """Characters are not tokens."""
    found = check(DataChoice(files=(write(tmp_path / "a.jsonl", ("a", "b")),)))

    assert 1 == found.usable
    assert found.tokens is found.histogram is found.truncated is found.keeps_99 is None


def test_copies_are_found(tmp_path: Path) -> None:
    """To the letter, and but for case and blanks; each with the row it repeats."""
    file = write(tmp_path / "a.jsonl", ("a", "b"), ("c", "d"), ("a", "b"), ("A ", " b"))

    found = check(DataChoice(files=(file,)))

    assert 1 == found.duplicates
    assert 2 == found.near_duplicates
    assert [(3, 1), (4, 1)] == [
        (t.row.line, t.other.line) for t in found.duplicate_rows
    ]


def test_a_test_file_that_repeats_the_training_file_is_a_leak(tmp_path: Path) -> None:
    """A question of one file that stands in another measures nothing."""
    one = write(tmp_path / "train.jsonl", ("a", "b"), ("c", "d"))
    two = write(tmp_path / "test.jsonl", ("x", "y"), ("c", "other"))

    found = check(DataChoice(files=(one, two), eval_fraction=0.0))

    assert 1 == found.leaks
    assert [(two, 2, one, 2)] == [
        (leak.row.file, leak.row.line, leak.other.file, leak.other.line)
        for leak in found.leak_rows
    ]


def test_a_held_out_question_that_is_also_learnt_is_a_leak(tmp_path: Path) -> None:
    """The same question with other answers on both sides is told."""
    pairs = [("same", str(number)) for number in range(10)]
    file = write(tmp_path / "a.jsonl", *pairs)

    found = check(DataChoice(files=(file,), eval_fraction=0.2))

    assert (8, 2) == (found.train_rows, found.eval_rows)
    assert 2 == found.leaks


def test_the_doctor_counts_what_a_run_will_see(tmp_path: Path) -> None:
    """Training and held-out rows are those of the run itself, dropped ones left out."""
    pairs = [(f"{n}" + "x" * (n * 5), f"{n}") for n in range(40)]
    choice = DataChoice(
        files=(write(tmp_path / "a.jsonl", *pairs),), eval_fraction=0.25
    )
    tokenizer = ByteTokenizer()

    found = check(choice, tokenizer=tokenizer, seq_len=150, seed=3)
    run = examples(choice, tokenizer, seq_len=150, seed=3)

    assert (len(run.train), len(run.held_out)) == (found.train_rows, found.eval_rows)
    assert len(run.dropped) == len(found.problems) == 40 - found.usable > 0
    assert 0 == found.bad_rows


def test_a_template_that_refuses_is_a_problem_of_the_row(tmp_path: Path) -> None:
    """The report goes on and names each such row."""
    file = write(tmp_path / "a.jsonl", ("a", "b"), ("c", "d"))

    found = check(DataChoice(files=(file,)), tokenizer=ByteTokenizer(refuses_all))

    assert ["dataset.template_refused"] * 2 == [p.code for p in found.problems]
    assert (2, 0, 2) == (found.rows, found.usable, found.bad_rows)


def test_progress_is_told_in_bytes_up_to_the_end(tmp_path: Path) -> None:
    """Done never falls and ends at the whole."""
    files = [write(tmp_path / f"{n}.jsonl", *[("a" * 99, "b")] * 300) for n in range(2)]
    told: list[tuple[int, int]] = []

    check(DataChoice(files=tuple(files)), tell=lambda *now: told.append(now))

    total = sum(Path(file).stat().st_size for file in files)
    assert sorted(told) == told
    assert (total, total) == told[-1]


def test_a_preview_shows_each_character_once(tmp_path: Path) -> None:
    """Joined, the tokens are the text; answers and their ends are marked."""
    file = write(tmp_path / "a.jsonl", ("hi", "é🙂"), ("c", "d"))

    found = preview(DataChoice(files=(file,)), ByteTokenizer(), row=0, seq_len=999)

    assert found.text == "".join(token.text for token in found.tokens)
    assert "é🙂<|im_end|>" == "".join(t.text for t in found.tokens if t.trained)
    assert (2, 1, False) == (found.rows, found.line, found.truncated)


def test_a_preview_stops_where_training_does(tmp_path: Path) -> None:
    """Tokens beyond the length are not shown as if they counted."""
    file = write(tmp_path / "a.jsonl", ("hi", "yo"))

    found = preview(DataChoice(files=(file,)), ByteTokenizer(), row=0, seq_len=5)

    assert 5 == len(found.tokens)
    assert found.truncated
    assert found.length > 5


def test_a_row_that_is_not_there_is_said(tmp_path: Path) -> None:
    """The rows there are, are named."""
    file = write(tmp_path / "a.jsonl", ("hi", "yo"))

    with pytest.raises(DatasetError) as caught:
        preview(DataChoice(files=(file,)), ByteTokenizer(), row=7, seq_len=5)

    assert "dataset.no_such_row" == caught.value.code


def test_figures_are_by_nearest_rank() -> None:
    """Percentiles are lengths that really occur."""
    found = figures(range(1, 101))

    assert (50, 90, 99, 100, 5050) == (
        found.p50, found.p90, found.p99, found.max, found.total,
    )  # fmt: skip
    assert 0 == figures([]).max


def test_the_suggested_length_keeps_what_it_says() -> None:
    """At the suggestion at least 99 % of rows are whole."""
    lengths = [100] * 98 + [1400, 5000]

    assert 1408 == keeps(lengths, 0.99)
    assert keeps([], 0.99) is None


@pytest.mark.parametrize("longest", [1, 159, 160, 161, 100_000])
def test_histogram_holds_every_row(longest: int) -> None:
    """Whatever the longest row is, every row is in one of at most 40 bars."""
    found = histogram([1, longest // 2, longest])

    assert found is not None
    assert 3 == sum(found.counts)
    assert len(found.counts) + 1 == len(found.edges)
    assert len(found.counts) <= 40
    assert found.edges[-1] > longest
