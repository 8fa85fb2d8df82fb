"""One set-up at a time in one folder.

On Linux and macOS pip inherits the lock's descriptor: when run.py alone is killed, the
lock stays until that pip has ended, so no second pip ever works beside an orphan.
"""

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bootstrap.say import say

_RETRY_S: Final = 1.0


@contextmanager
def held(path: Path) -> Generator[int]:
    """Hold the lock at `path`, waiting for another holder; yield its descriptor."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _take_at_once(descriptor):
            say("Another run.py is setting up this folder. Waiting for it to end ...")
            _take(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _take_at_once(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _take(descriptor: int) -> None:
        while not _take_at_once(descriptor):
            time.sleep(_RETRY_S)
else:
    import fcntl

    def _take_at_once(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
