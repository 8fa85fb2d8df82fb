"""What runs came to is kept for the machine, whatever becomes of their folders."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core import durable
from core.estimate.learned import Outcome
from core.places import Places
from core.plan.fields import with_value
from core.plan.plan import Plan
from core.runs.compared import compared, compared_run, planned_memory
from core.runs.events import Ended, Metrics, Phase, RunEvent, encode
from core.runs.folder import (
    RunFolder,
    RunStatus,
    Status,
    create_run,
    own_start_time,
)
from core.runs.outcomes import MOST_RUNS, own_outcome, read_outcomes, remember
from core.units import GIB, MIB
from core.wire import to_json

OUTCOME = Outcome(
    run_id="r",
    t=1.0,
    device="Card",
    device_kind="cuda",
    family="llama",
    method="lora",
    predicted=2 * GIB,
    measured=round(1.95 * GIB),
    promised=2 * GIB,
    promised_reserved=2 * GIB + 50 * MIB,
    promised_process=2 * GIB + 350 * MIB,
    promised_low=2 * GIB,
    promised_high=3 * GIB,
    measured_reserved=2 * GIB,
    measured_process=2 * GIB + 280 * MIB,
    rows=2,
    width_tokens=512,
    trained_tokens=900,
)
FACTS = {
    "predicted": {"allocated": 3 * GIB, "process": 4 * GIB, "low": 1, "high": 5 * GIB},
    "device": {"kind": "cuda", "name": "Card"},
    "family": "llama",
}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(home=tmp_path).make()


def make_run(
    places: Places, *events: RunEvent, status: RunStatus = "done"
) -> RunFolder:
    plan = with_value(Plan(), "model.id", "some/model")
    run = create_run(places.runs, plan, FACTS)
    lines = [encode(event) + "\n" for event in events]
    run.events_file.write_text("".join(lines), encoding="utf-8")
    run.write_status(Status(status=status))
    return run


def test_an_outcome_is_kept_beside_the_run_and_without_it(places: Places) -> None:
    """Deleting the folder forgets nothing."""
    run = make_run(places)
    outcome = replace(OUTCOME, run_id=run.run_id)

    remember(places, run, outcome)

    assert outcome == own_outcome(run)
    shutil.rmtree(run.path)
    assert (outcome,) == read_outcomes(places)


def test_a_resumed_run_replaces_its_line(places: Places) -> None:
    """One outcome a run, the newest; in the order of time."""
    first, second = make_run(places), make_run(places)
    remember(places, first, replace(OUTCOME, run_id=first.run_id, t=1.0))
    remember(places, second, replace(OUTCOME, run_id=second.run_id, t=2.0))
    again = replace(OUTCOME, run_id=first.run_id, t=3.0, measured=GIB)

    remember(places, first, again)

    found = read_outcomes(places)
    assert [second.run_id, first.run_id] == [one.run_id for one in found]
    assert again == found[-1]


def test_a_lost_file_is_gathered_from_the_folders_once(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything comes back, and the second reading opens no folder."""
    runs = [make_run(places) for _ in range(3)]
    for number, run in enumerate(runs):
        remember(places, run, replace(OUTCOME, run_id=run.run_id, t=float(number)))
    before = read_outcomes(places)
    places.outcomes_file.unlink()

    assert before == read_outcomes(places)

    monkeypatch.setattr("core.runs.outcomes.own_outcome", pytest.fail)
    assert before == read_outcomes(places)


def test_a_run_of_an_older_version_is_a_lower_bound(places: Places) -> None:
    """Its batches are not known: its peak may only show that too little was said."""
    peak = 5 * GIB
    run = make_run(
        places,
        Phase(t=1.0, phase="train"),
        Metrics(t=2.0, step=3, epoch=0.1, loss=1.0, memory_allocated=peak),
        Ended(t=9.0, status="done", step=3, peak_memory=peak),
    )

    (found,) = read_outcomes(places)

    assert (run.run_id, 3 * GIB, peak) == (
        found.run_id,
        found.predicted,
        found.measured,
    )
    assert not found.complete


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_run_that_works_is_not_looked_at(places: Places, status: RunStatus) -> None:
    """Its peak is still to come, so no line is written for it."""
    run = make_run(places, status="queued")
    if status == "running":
        alive = Status(status="running", pid=os.getpid(), pid_started=own_start_time())
        run.write_status(alive)

    assert () == read_outcomes(places)
    assert not places.outcomes_file.exists()


def test_a_run_that_says_nothing_is_looked_at_once(places: Places) -> None:
    """It failed before its first step: its id alone is kept."""
    run = make_run(places, status="failed")

    assert () == read_outcomes(places)
    assert [{"run_id": run.run_id}] == [
        json.loads(line) for line in places.outcomes_file.read_text().splitlines()
    ]
    assert () == read_outcomes(places)


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\xff\xfe\x00",
        b"[]\nnull\n3\n",
        b'{"run_id": "x"',
        b'{"run_id": "x", "predicted": "much"}\n',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_costs_only_what_is_damaged(
    places: Places, damage: bytes
) -> None:
    """Reading never raises, and the next run's line is whole again."""
    run = make_run(places)
    places.outcomes_file.write_bytes(damage)

    remember(places, run, replace(OUTCOME, run_id=run.run_id))

    assert [run.run_id] == [one.run_id for one in read_outcomes(places)]


def test_a_folder_that_cannot_be_written_is_read_all_the_same(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full or read-only disk hides what a run came to from nobody."""
    run = make_run(places)
    own = {**to_json(OUTCOME), "run_id": run.run_id}
    durable.replace_text(run.outcome_file, json.dumps(own))

    def refuse(path: Path, line: str) -> None:
        raise PermissionError(13, "no", str(path))

    monkeypatch.setattr(durable, "append_line", refuse)

    assert [run.run_id] == [one.run_id for one in read_outcomes(places)]


def test_the_file_does_not_grow_for_ever(places: Places) -> None:
    """The newest five hundred stay, one line each."""
    run = make_run(places)
    lines = [
        json.dumps({**to_json(OUTCOME), "run_id": f"r{number}", "t": float(number)})
        for number in range(2 * MOST_RUNS)
    ]
    places.outcomes_file.write_text("\n".join(lines) + "\n")

    remember(places, run, replace(OUTCOME, run_id=run.run_id, t=1e9))

    found = read_outcomes(places)
    assert MOST_RUNS == len(found)
    assert (run.run_id, "r999") == (found[-1].run_id, found[-2].run_id)
    assert MOST_RUNS == len(places.outcomes_file.read_text().splitlines())


def test_processes_that_write_at_once_tear_no_line(tmp_path: Path) -> None:
    """Four writers, two hundred long lines each: all are there, all are whole."""
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"half')
    program = (
        "import sys; from pathlib import Path; from core import durable\n"
        "for n in range(200): durable.append_line(Path(sys.argv[1]),"
        " sys.argv[2] * 3000 + str(n))"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(path), letter])
        for letter in "abcd"
    ]

    assert [0] * 4 == [writer.wait(timeout=240) for writer in writers]

    first, *lines = path.read_text().splitlines()
    assert '{"half' == first
    assert sorted(lines) == sorted(
        letter * 3000 + str(n) for letter in "abcd" for n in range(200)
    )


@pytest.mark.skipif(sys.platform == "win32", reason="its locks are of another kind")
def test_a_file_is_written_by_one_process_at_a_time(tmp_path: Path) -> None:
    """Whoever asks meanwhile has to wait, and nobody has to afterwards."""
    import fcntl

    path = tmp_path / "lines.jsonl"
    wanted = fcntl.LOCK_EX | fcntl.LOCK_NB
    with (tmp_path / ".lines.jsonl.lock").open("ab") as other:
        with durable.alone(path), pytest.raises(BlockingIOError):
            fcntl.flock(other, wanted)
        fcntl.flock(other, wanted)


# -- predicted beside measured ---------------------------------------------------------


def test_predicted_and_measured_are_said_in_one_sentence() -> None:
    """With the difference, and the parts a driver can tell."""
    found = compared(OUTCOME, planned=2 * GIB)

    assert "2.00 GiB predicted, 1.95 GiB measured (−2.5 %)" == found.text
    assert "" == found.note
    assert ["Tensors", "Allocator's reserve", "Driver's context"] == [
        part.name for part in found.parts
    ]
    assert OUTCOME.measured_process == found.measured_process
    assert OUTCOME.promised_process == found.predicted_process
    assert found.is_inside
    assert found.process_text.endswith("2.34 GiB predicted, 2.27 GiB measured (−2.9 %)")
    assert "" == compared(replace(OUTCOME, measured_process=None)).process_text


def test_short_rows_are_named_where_they_made_the_difference() -> None:
    """What was planned for full rows is told beside what these rows should take."""
    found = compared(OUTCOME, planned=5 * GIB)

    assert "(−2.5 %)" in found.text
    assert found.note == (
        "Its largest batch was 2 rows of 512 tokens, 900 of them trained; for full rows"
        " 5.00 GiB was planned."
    )


def test_a_miss_is_shown_as_one() -> None:
    """Outside the bounds is outside; unknown parts claim nothing."""
    miss = replace(OUTCOME, measured_process=4 * GIB)

    assert compared(miss).is_inside is False
    assert compared(replace(OUTCOME, measured_process=None)).is_inside is None
    failed = compared(replace(OUTCOME, complete=False, out_of_memory=True))
    assert "2.00 GiB predicted, ran out at 1.95 GiB" == failed.text
    assert failed.is_inside is None


def test_what_was_planned_counts_what_is_measured(places: Places) -> None:
    """Allocated bytes on a card, the process's growth on a processor."""
    run = make_run(places)

    assert 3 * GIB == planned_memory(run.facts())
    assert 4 * GIB == planned_memory({**FACTS, "device": {"kind": "cpu"}})
    assert planned_memory({}) is None
    assert planned_memory({"predicted": "x", "device": 3}) is None
    assert compared_run(run) is None
