"""The folder is the truth about a run, whoever looks."""

import os
from pathlib import Path

import pytest

from core.errors import RequestError
from core.plan.fields import with_value
from core.plan.plan import Plan
from core.runs import folder
from core.runs.ending import discard
from core.runs.events import Ended, Metrics, Phase, encode
from core.runs.folder import (
    RunFolder,
    Status,
    all_runs,
    create_run,
    find_run,
    is_alive,
    own_start_time,
)
from core.runs.summary import summary
from core.runs.tail import read_events

# above every number a system gives out
NOBODY = 2**22 + 1
PLAN = with_value(with_value(Plan(), "model.id", "starter"), "name", "Erste Probe ü")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, PLAN, {"model": "x"})


def test_a_new_run_is_queued_and_keeps_its_plan(run: RunFolder) -> None:
    """Its id says when and what."""
    assert "queued" == run.status().status
    assert PLAN == run.plan()
    assert "-erste-probe-u-" in run.run_id
    assert "x" == run.facts()["model"]
    assert run.facts()["created"] > 0


def test_a_run_whose_process_is_gone_is_interrupted(run: RunFolder) -> None:
    """Whatever it last wrote about itself; its step is kept."""
    run.write_status(Status(status="running", pid=NOBODY, pid_started=1.0, step=7))

    assert ("interrupted", 7) == (run.status().status, run.status().step)
    assert "running" == run.written_status().status


def test_a_run_that_ends_while_it_is_looked_at_is_not_interrupted(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last word comes and its process goes between two looks: the word counts."""
    run.write_status(Status(status="running", pid=NOBODY, pid_started=1.0, step=7))

    def ends(pid: int | None, started: float | None) -> bool:
        run.write_status(Status(status="done", step=8))
        return False

    monkeypatch.setattr(folder, "is_alive", ends)

    assert ("done", 8) == (run.status().status, run.status().step)


def test_a_run_whose_process_lives_is_running(run: RunFolder) -> None:
    """This process stands in for the engine."""
    status = Status(status="running", pid=os.getpid(), pid_started=own_start_time())
    run.write_status(status)

    assert status == run.status()


def test_a_process_number_used_again_is_somebody_else(run: RunFolder) -> None:
    """The start time tells them apart."""
    assert not is_alive(os.getpid(), own_start_time() - 3600)
    assert not is_alive(None, None)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"step": 3}'])
def test_a_damaged_status_means_interrupted(run: RunFolder, text: str) -> None:
    """Nothing is known to be running; the run can be resumed."""
    run.status_file.write_text(text)

    assert "interrupted" == run.status().status


def test_orders_wait_until_they_are_done(run: RunFolder) -> None:
    """Each order is a file; taking one back twice does no harm."""
    run.order("pause")
    run.order("save")
    run.order("pause")
    assert {"pause", "save"} == run.ordered()

    run.done_with("pause", "stop")
    assert {"save"} == run.ordered()


def test_runs_are_found_by_any_part_of_their_id(tmp_path: Path) -> None:
    """As long as it names one run alone."""
    one = create_run(tmp_path, with_value(PLAN, "name", "alpha"), {})
    two = create_run(tmp_path, with_value(PLAN, "name", "beta"), {})

    assert {one.run_id, two.run_id} == {run.run_id for run in all_runs(tmp_path)}
    assert one == find_run(tmp_path, one.run_id)
    assert two == find_run(tmp_path, "beta")
    for wanted, code in (
        ("gamma", "run.unknown"),
        ("", "run.unknown"),
        ("20", "run.ambiguous"),
        ("../" + one.run_id, "run.unknown"),
    ):
        with pytest.raises(RequestError) as caught:
            find_run(tmp_path, wanted)
        assert code == caught.value.code


def test_a_discarded_run_keeps_its_history_alone(run: RunFolder) -> None:
    """Checkpoints and adapter go; curve and plan stay, and it reads as stopped."""
    (run.checkpoints / "step-2").mkdir(parents=True)
    run.adapter.mkdir()
    metrics = Metrics(t=2.0, step=2, epoch=0.5, loss=1.5)
    run.events_file.write_text(encode(metrics) + '\n{"t": 3, "kin')
    discard(run)

    assert not run.checkpoints.exists()
    assert not run.adapter.exists()
    assert "stopped" == run.status().status
    first, last = read_events(run.events_file)
    assert metrics == first
    assert isinstance(last, Ended)
    assert ("stopped", 2, 1.5) == (last.status, last.step, last.train_loss)


def test_a_run_at_work_is_not_discarded(run: RunFolder) -> None:
    """It must be ordered to end."""
    run.adapter.mkdir()
    run.write_status(
        Status(status="running", pid=os.getpid(), pid_started=own_start_time())
    )
    with pytest.raises(RequestError, match="at work"):
        discard(run)

    assert run.adapter.exists()


def test_a_summary_prefers_what_the_end_says(run: RunFolder) -> None:
    """Results come from the last event where there is one."""
    lines = [
        Phase(t=1.0, phase="train"),
        Metrics(t=2.0, step=3, epoch=0.5, loss=2.0, eval_loss=2.5),
        Ended(t=3.0, status="done", step=3, train_loss=1.9, eval_loss=1.8,
              adapter_id="a-1"),
    ]  # fmt: skip
    run.events_file.write_text("".join(encode(line) + "\n" for line in lines))
    run.write_status(Status(status="done", step=3, steps=3))
    found = summary(run)

    assert ("done", 3, 3, "a-1") == (
        found.status,
        found.step,
        found.steps,
        found.adapter_id,
    )
    assert (1.9, 2.5, 1.8) == (
        found.train_loss,
        found.eval_loss_before,
        found.eval_loss,
    )
    assert ("Erste Probe ü", "starter", "lora") == (
        found.name,
        found.model,
        found.method,
    )


def test_a_run_whose_plan_is_damaged_is_still_listed(run: RunFolder) -> None:
    """Its work is not lost because one file is."""
    run.plan_file.write_text("name = ")

    assert run.run_id == summary(run).name


def test_a_long_run_is_summarised_from_its_edges(run: RunFolder) -> None:
    """Fifty thousand steps: first, newest and last figures are right all the same."""
    steps = [
        Metrics(t=float(step), step=step, epoch=0.0, loss=9.0 / step)
        for step in range(1, 50_001)
    ]
    first = Metrics(t=0.5, step=0, epoch=0.0, eval_loss=4.0)
    lines = "".join(encode(event) + "\n" for event in [first, *steps])
    run.events_file.write_text(lines)
    found = summary(run)

    assert (50_000, 9.0 / 50_000) == (found.step, found.train_loss)
    assert (0.5, 4.0) == (found.started, found.eval_loss_before)
    assert len(lines) > 3_000_000


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("status.json", b'{"status": "dancing", "step": 1}'),
        ("status.json", b'{"status": "paused", "step": "a", "steps": null}'),
        ("status.json", b'{"status": "running", "pid": "x"}'),
        ("status.json", b"[" * 100_000),
        ("facts.json", b'{"created": "yesterday", "predicted": [1], "device": 3}'),
        ("facts.json", b'[1, "'),
        ("events.jsonl", b'{"t": "x", "kind": "metrics", "step": "a"}\n'),
        ("events.jsonl", (b'{"t": 1, "kind": "progress", "what": "train", "done": 1,'
                         b' "total": Infinity, "unit": "step"}\n')),
        ("events.jsonl", b"\x00\xff" * 500),
        ("plan.toml", b"version = 7\n"),
        ("plan.toml", b"\xff\xfe"),
    ],
)  # fmt: skip
def test_a_damaged_file_costs_no_other_run(
    tmp_path: Path, name: str, content: bytes
) -> None:
    """Whatever one folder holds, every run is listed, and the damaged one as well."""
    damaged = create_run(tmp_path, PLAN, {})
    whole = create_run(tmp_path, PLAN, {})
    (damaged.path / name).write_bytes(content)

    found = {run.run_id: summary(run).status for run in all_runs(tmp_path)}

    wanted = "interrupted" if name == "status.json" else "queued"
    assert {damaged.run_id: wanted, whole.run_id: "queued"} == found
    assert damaged.facts().get("predicted") is None
