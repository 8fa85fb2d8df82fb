"""Read ``events.jsonl`` while it grows, from anywhere, without ever missing a line."""

from pathlib import Path

from core.runs.events import RunEvent, decode

_CHUNK_BYTES = 4 << 20


class EventTail:
    """A place in an event file. Each `read` gives what was written since the last.

    A half-written last line is left for the next read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self, max_bytes: int = _CHUNK_BYTES) -> list[RunEvent]:
        """Return the events written since the last call, at most `max_bytes` of them."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                block = file.read(max_bytes)
        except FileNotFoundError:
            return []
        end = block.rfind(b"\n") + 1
        if end == 0 and len(block) == max_bytes:  # one line longer than the window
            return self.read(max_bytes * 2)
        self._offset += end
        # not splitlines(): it also ends lines at U+2028, which JSON text may hold
        lines = block[:end].decode("utf-8", "replace").split("\n")
        return [event for line in lines if (event := decode(line)) is not None]


def read_events(path: Path) -> list[RunEvent]:
    """Return all events of a file."""
    tail = EventTail(path)
    found: list[RunEvent] = []
    while block := tail.read():
        found += block
    return found
