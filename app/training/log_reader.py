"""The engine's log, read as it grows; never more than its end at once."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_LOG_BYTES: Final = 256 * 1024


class LogReader:
    """Gives what a log grew by since the last look; at first its last 256 KiB."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._offset: int | None = None

    def read(self) -> str:
        """Return what is new."""
        if self._path is None:
            return ""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                start = self._offset
                if start is None or start > size or size - start > _LOG_BYTES:
                    start = max(0, size - _LOG_BYTES)
                file.seek(start)
                block = file.read(size - start)
        except FileNotFoundError:
            return ""
        self._offset = start + len(block)
        return block.decode("utf-8", "replace")
