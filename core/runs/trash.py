"""Deleted runs: out of the list, still on the disk, until the trash is emptied."""

import secrets
import shutil
from pathlib import Path

from core import durable
from core.errors import RequestError
from core.places import Places
from core.runs.folder import RunFolder


def delete_run(places: Places, run: RunFolder) -> RunFolder:
    """Move a run to the trash and return it there; its adapter in the library stays.

    Raises:
        RequestError: It is at work.
        OSError: The folder cannot be moved.
    """
    if run.status().status == "running":
        raise RequestError(
            "run.live",
            f"{run.run_id} is at work.",
            hint="Stop it first; then it can be deleted.",
        )
    return _moved(run, places.trash / "runs")


def restore_run(places: Places, run: RunFolder) -> RunFolder:
    """Move a run back from the trash and return it."""
    return _moved(run, places.runs)


def empty_trash(places: Places) -> int:
    """Delete for good what is in the trash, and return the bytes that frees."""
    freed = 0
    for run in trashed_runs(places):
        freed += size_of(run)
        shutil.rmtree(run.path)
    return freed


def size_of(run: RunFolder) -> int:
    """Return the bytes of a run's files, checkpoints and all."""
    return sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file())


def trashed_runs(places: Places) -> list[RunFolder]:
    """Return the runs in the trash, newest first."""
    trash = places.trash / "runs"
    if not trash.is_dir():
        return []
    return [RunFolder(path) for path in sorted(trash.iterdir(), reverse=True)]


def _moved(run: RunFolder, into: Path) -> RunFolder:
    into.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = into / run.run_id
    if target.exists():  # another of the same id came meanwhile
        target = into / f"{run.run_id}-{secrets.token_hex(2)}"
    came_from = run.path.parent
    run.path.rename(target)
    durable.sync_folder(into)
    durable.sync_folder(came_from)
    return RunFolder(target)
