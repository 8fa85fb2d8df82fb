"""One worker a run folder, held by the system and so let go of by any death."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from core.errors import RequestError


@contextmanager
def only_worker(run: Path) -> Generator[None]:
    """Hold the run's lock.

    Raises:
        RequestError: Another worker has it.
    """
    with (run / "worker.lock").open("a+b") as file:
        try:
            _lock(file)
        except OSError as err:
            raise RequestError(
                "run.busy",
                f"The run {run.name} is being worked on already.",
                hint="Wait for it, or pause it first.",
            ) from err
        yield


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
