"""Room kept on the disk for a run's last words, should the disk be full by then."""

import os
from contextlib import suppress
from pathlib import Path

# The reason, the end and the status are a few KiB, a traceback in the log some more.
_ROOM_BYTES = 64 << 10


class Reserve:
    """A small file beside the run; `give_back` returns its room to the disk."""

    def __init__(self, run: Path) -> None:
        self._file = run / ".room-for-last-words"
        with suppress(OSError):  # a disk that is full already has none to keep
            # random, because file systems that compress keep no room for zeros
            self._file.write_bytes(os.urandom(_ROOM_BYTES))

    def give_back(self) -> None:
        """Free the room. Safe to call twice."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)
