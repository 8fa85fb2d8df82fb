"""Deleted runs can be brought back until the trash is emptied."""

import os
from pathlib import Path

import pytest

from core.errors import RequestError
from core.places import Places
from core.plan.plan import Plan
from core.runs.folder import RunFolder, Status, all_runs, create_run, own_start_time
from core.runs.trash import (
    delete_run,
    empty_trash,
    restore_run,
    size_of,
    trashed_runs,
)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(home=tmp_path / "home").make()


def made(places: Places) -> RunFolder:
    run = create_run(places.runs, Plan(name="pirate"), {})
    run.write_status(Status(status="done"))
    return run


def test_a_deleted_run_comes_back_whole(places: Places) -> None:
    """The folder moves to the trash and back, every byte of it."""
    run = made(places)
    size = size_of(run)

    gone = delete_run(places, run)

    assert [] == all_runs(places.runs)
    assert [gone] == trashed_runs(places)
    assert run == restore_run(places, gone)
    assert size == size_of(run)


def test_a_run_at_work_is_not_deleted(places: Places) -> None:
    """Its engine would go on writing into nothing."""
    run = made(places)
    run.write_status(
        Status(status="running", pid=os.getpid(), pid_started=own_start_time())
    )

    with pytest.raises(RequestError, match="is at work"):
        delete_run(places, run)

    assert run.path.is_dir()


def test_emptying_frees_what_it_says(places: Places) -> None:
    """The bytes returned are those of the files that are gone."""
    run = made(places)
    size = size_of(run)
    gone = delete_run(places, run)

    assert size == empty_trash(places)
    assert not gone.path.exists()
    assert [] == trashed_runs(places)


def test_two_deleted_runs_of_one_id_do_not_overwrite_each_other(places: Places) -> None:
    """A copy of a run, deleted after the original, keeps both."""
    run = made(places)
    first = delete_run(places, run)
    restored = restore_run(places, first)
    delete_run(places, restored)
    twin = places.runs / run.run_id
    twin.mkdir()
    (twin / "plan.toml").write_text("version = 1\n", encoding="utf-8")

    delete_run(places, RunFolder(twin))

    assert 2 == len(trashed_runs(places))
