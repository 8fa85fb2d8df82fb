"""The worker's end of the pipe: events out, noise elsewhere."""

import json
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from core.runs.events import RunEvent, encode
from core.wire import to_json


def private_stdout() -> TextIO:
    """Return a stream to the real stdout, and point stdout itself at stderr.

    Libraries print, some from C; on the private stream nobody but us does.
    """
    descriptor = os.dup(sys.stdout.fileno())
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(
        descriptor, "w", encoding="utf-8", errors="replace", buffering=1, newline="\n"
    )  # a file's name may hold bytes that are no UTF-8


class Speaker:
    """JSON lines on a stream, one write a line, from any thread."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def tell(self, event: Mapping[str, Any]) -> None:
        """Say one event."""
        self.say(json.dumps(to_json(event), ensure_ascii=False, allow_nan=False))

    def say(self, line: str) -> None:
        """Say one line. A listener that is gone hears nothing; that is no error."""
        with self._lock:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (BrokenPipeError, ValueError, OSError):
                return


class EventLog:
    """``events.jsonl``: one write a line, appended, from any thread."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = path.open("ab", buffering=0)
        self._torn = _ends_half_written(path)

    def write(self, event: RunEvent) -> None:
        """Append one event; readers see it at once.

        Raises:
            OSError: There was no room. Half a line may stand; readers skip it alone.
        """
        line = (encode(event) + "\n").encode("utf-8", "replace")
        with self._lock:
            self._append(b"\n" + line if self._torn else line)

    def _append(self, rest: bytes) -> None:
        self._torn = True
        while rest:  # a disk that fills up takes a part, and refuses only the next
            rest = rest[self._file.write(rest) :]
        self._torn = False

    def sync(self) -> None:
        """Force what was written onto the disk, as after a checkpoint."""
        with self._lock:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _ends_half_written(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
