"""The list of runs: what each row says, what a search finds, what changed is reread."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil

from app.training.comparison import ComparedRun, present_comparison
from app.training.history import History, RunSummary
from app.training.overview import RunRow, present_runs
from app.training.remedies import likely_cause
from app.training.series import RunTracker
from app.training.words import method_text, model_name, when_text
from core.plan.fields import with_value
from core.plan.plan import Method, Plan
from core.runs.events import Metrics
from core.runs.folder import Status
from core.runs.tail import read_events
from tests.app.training import made_runs as made


def rows(history: History, query: str = "") -> tuple[RunRow, ...]:
    view = present_runs(history.read(), query=query, selected=(), now=made.START + 500)
    return view.rows


def summary_of(runs: Path, run_id: str) -> RunSummary:
    return next(one for one in History(runs).read() if one.run_id == run_id)


def test_a_done_run_shows_how_far_its_loss_fell(tmp_path: Path) -> None:
    """State, name, model, method, result and day, also in one sentence."""
    made.done_run(tmp_path, name="Pirate talk")

    (row,) = rows(History(tmp_path))

    assert "Done" == row.look.text
    assert ("1.16 held out", "−66 %") == (row.result, row.result_detail)
    assert "SmolLM2-135M-Instruct · LoRA, rank 16" == row.detail
    assert row.said.startswith("Pirate talk, Done, SmolLM2-135M-Instruct")
    assert row.spark[0] > row.spark[-1]


def test_a_live_run_shows_how_far_it_is(tmp_path: Path) -> None:
    """Where there is no result yet, the row says step and time left."""
    made.live_run(tmp_path)

    (row,) = rows(History(tmp_path))

    assert ("Step 34 of 60", "52 s left") == (row.result, row.result_detail)


def test_a_failed_run_says_why(tmp_path: Path) -> None:
    """The reason takes the place of model and method."""
    made.failed_run(tmp_path)

    (row,) = rows(History(tmp_path))

    assert "No room on the GPU: 9.8 of 8.0 GiB needed." == row.detail


def test_a_run_whose_process_is_gone_is_interrupted(tmp_path: Path) -> None:
    """The folder says "running", but nobody is at work."""
    run = made.live_run(tmp_path)
    run.write_status(Status(status="running", pid=2**22 + 7, pid_started=1.0))

    (row,) = rows(History(tmp_path))

    assert "Interrupted" == row.look.text


def test_a_run_that_dies_without_a_word_is_noticed(tmp_path: Path) -> None:
    """No file changes when a process is killed; it is looked at all the same."""
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True
    )
    run = made.live_run(tmp_path)
    run.write_status(
        Status(
            status="running",
            pid=child.pid,
            pid_started=psutil.Process(child.pid).create_time(),
        )
    )
    history = History(tmp_path)
    before = rows(history)[0].look.text
    again = rows(history)[0].look.text

    child.kill()
    child.communicate()

    assert ("Running", "Running") == (before, again)
    assert "Interrupted" == rows(history)[0].look.text


def test_a_damaged_plan_hides_no_run(tmp_path: Path) -> None:
    """A folder whose plan cannot be read is listed with that reason."""
    run = made.done_run(tmp_path)
    run.plan_file.write_text("this is no plan", encoding="utf-8")

    (row,) = rows(History(tmp_path))

    assert run.run_id == row.name
    assert "Its plan cannot be read." == row.detail


def test_search_wants_every_word_somewhere(tmp_path: Path) -> None:
    """Names, models, methods and states are searched, whatever the case."""
    made.done_run(tmp_path, name="Pirate talk")
    made.failed_run(tmp_path)
    history = History(tmp_path)

    assert ["Pirate talk"] == [row.name for row in rows(history, "PIRATE done")]
    assert ["too-large"] == [row.name for row in rows(history, "failed smollm2")]
    assert () == rows(history, "pirate failed")


def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    """An unchanged run keeps its very summary; a grown one gets another."""
    still, grows = made.done_run(tmp_path, name="a"), made.live_run(tmp_path)
    history = History(tmp_path)
    before = {one.run_id: one for one in history.read()}

    more = Metrics(t=made.START + 90, step=35, epoch=0.6, loss=1.5)
    made.write_events(grows, [more])
    after = {one.run_id: one for one in history.read()}

    assert before[still.run_id] is after[still.run_id]
    assert 34 == before[grows.run_id].state.step
    assert 35 == after[grows.run_id].state.step


def test_a_deleted_run_is_forgotten(tmp_path: Path) -> None:
    """A folder that is gone is listed no more."""
    run = made.done_run(tmp_path)
    history = History(tmp_path)
    history.read()

    run.path.rename(tmp_path.parent / "elsewhere")

    assert () == history.read()


def test_no_runs_invite_and_none_found_do_not(tmp_path: Path) -> None:
    """An empty history and an empty search are different pages."""
    empty = present_runs((), query="", selected=(), now=0.0)
    made.done_run(tmp_path)
    known = History(tmp_path).read()
    nothing = present_runs(known, query="zebra", selected=(), now=0.0)

    assert (True, False) == (empty.is_empty, nothing.is_empty)
    assert () == nothing.rows


def test_two_to_eight_runs_can_be_compared(tmp_path: Path) -> None:
    """One is no comparison; nine are no picture."""
    can = {
        count: present_runs(
            (), query="", selected=[str(at) for at in range(count)], now=0.0
        ).can_compare
        for count in (0, 1, 2, 8, 9)
    }

    assert {0: False, 1: False, 2: True, 8: True, 9: False} == can


def compared(runs: Path, *run_ids: str) -> list[ComparedRun]:
    return [
        ComparedRun(
            summary=summary_of(runs, run_id),
            curves=RunTracker()
            .digest(read_events(runs / run_id / "events.jsonl"))
            .curves,
        )
        for run_id in run_ids
    ]


def test_a_comparison_lists_nothing_but_what_differs(tmp_path: Path) -> None:
    """Equal settings are left out, and so is the name."""
    first = made.done_run(tmp_path, name="a")
    wanted = with_value(made.plan("b"), "method.rank", 64)
    second = made.make_run(
        tmp_path, made.training_events(60, upto=30), wanted=wanted, name="b"
    )

    view = present_comparison(
        compared(tmp_path, first.run_id, second.run_id), measure="eval_loss"
    )

    assert [("Rank", ("16", "64"))] == [row[:2] for row in view.differing]
    assert ("a", "b") == view.names
    assert "a has the lowest held-out loss: 1.16." == view.sentence
    assert 7 == len(view.curves[0].points)


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """Equal names carry the end of their ids."""
    ids = [made.done_run(tmp_path, name="same").run_id for _ in range(2)]

    view = present_comparison(compared(tmp_path, *ids), measure="smoothed")

    assert 2 == len(set(view.names))
    assert "The best two are equal within what the held-out rows can tell." == (
        view.sentence
    )


def test_losses_on_different_rows_are_not_ranked(tmp_path: Path) -> None:
    """Another seed holds out other rows, so the values cannot be compared."""
    first = made.done_run(tmp_path, name="a")
    wanted = with_value(made.plan("b"), "train.seed", 7)
    second = made.make_run(
        tmp_path, made.training_events(60, upto=30), wanted=wanted, name="b"
    )

    view = present_comparison(
        compared(tmp_path, first.run_id, second.run_id), measure="eval_loss"
    )

    assert view.sentence.startswith("They were measured on different held-out rows")


def test_moments_are_told_as_people_say_them() -> None:
    """Today, yesterday, a day, a day of another year."""
    now = 1_760_000_000.0
    day = 86_400.0

    assert when_text(now - 60, now=now).startswith("today ")
    assert when_text(now - day, now=now).startswith("yesterday ")
    assert when_text(now - 400 * day, now=now).endswith("2024")
    assert "" == when_text(0.0, now=now)


def test_models_and_methods_have_short_names() -> None:
    """A path or an id becomes its last part."""
    named = with_value(Plan(), "model.id", "Qwen/Qwen2.5-0.5B-Instruct")
    windows = with_value(Plan(), "model.id", r"C:\models\tiny")

    assert "Qwen2.5-0.5B-Instruct" == model_name(named)
    assert "tiny" == model_name(windows)
    assert "Full fine-tuning" == method_text(Plan(method=Method(kind="full")))
    assert "QLoRA, rank 16" == method_text(Plan(method=Method(kind="qlora")))


def test_a_silent_death_is_most_likely_want_of_memory() -> None:
    """The system's killer leaves no words."""
    assert "memory" in likely_cause(None)


def test_runs_that_rest_are_read_once_in_two_starts(tmp_path: Path) -> None:
    """The next start takes what was kept, and it is what reading would have given."""
    runs, cache = tmp_path / "runs", tmp_path / "cache.json"
    run = made.done_run(runs)
    made.failed_run(runs)
    first = History(runs, cache).read()
    size, stamp = run.events_file.stat().st_size, run.events_file.stat().st_mtime_ns
    run.events_file.write_bytes(b"\n" * size)  # nothing left to be read in there
    os.utime(run.events_file, ns=(stamp, stamp))

    again = History(runs, cache).read()

    told = present_runs(first, query="", selected=(), now=made.START)
    retold = present_runs(again, query="", selected=(), now=made.START)
    assert told == retold
    assert [replace(one.state, sample=None) for one in first] == [
        one.state for one in again
    ]


def test_a_run_that_went_on_is_read_again(tmp_path: Path) -> None:
    """What is kept of a run counts only while its files are as they were."""
    runs, cache = tmp_path / "runs", tmp_path / "cache.json"
    run = made.make_run(runs, made.training_events(upto=12), status="paused")
    History(runs, cache).read()

    made.write_events(run, made.training_events(upto=20, first=13))

    assert 20 == History(runs, cache).read()[0].state.step


def test_a_damaged_cache_costs_time_alone(tmp_path: Path) -> None:
    """It is read anew from the folders, whatever stands in the file."""
    runs, cache = tmp_path / "runs", tmp_path / "cache.json"
    made.done_run(runs)
    expected = History(runs).read()

    for damage in (b"", b"\xff\x00", b"[]", b'{"version": 1, "runs": {"x": {}}}'):
        cache.write_bytes(damage)
        assert expected == History(runs, cache).read()


def test_a_live_run_is_not_kept(tmp_path: Path) -> None:
    """It changes by the second."""
    runs, cache = tmp_path / "runs", tmp_path / "cache.json"
    made.live_run(runs)

    History(runs, cache).read()

    assert not cache.exists()
