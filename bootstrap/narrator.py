"""pip's output, told to a person as one line that moves.

A whole set-up makes pip print several hundred lines, of which a person wants three
things: what is being fetched, how much of it is there, and that something happens. The
rest goes to a file, and is shown from its end when pip fails.
"""

import re
import shutil
from collections import deque
from collections.abc import Callable
from typing import Final

from bootstrap.say import gigabytes

_PROGRESS: Final = re.compile(r"Progress (\d+) of (\d+)$")
_FETCHING: Final = re.compile(r"\s*(?:Downloading|Using cached|Processing) (\S+)")
_LOOKING: Final = re.compile(r"Collecting ([\w.\[\]-]+)")
_RETRYING: Final = re.compile(r"\s*WARNING: Retrying \(Retry\(total=(\d+)")
_CUT_OFF: Final = re.compile(r"Max retries exceeded|Read timed out|incomplete-download")
_THERE_ALREADY: Final = "Requirement already satisfied"
_INSTALLING: Final = "Installing collected packages: "
_INDENT: Final = " " * 6
_LARGE_BYTES: Final = 20_000_000
_KEPT_LINES: Final = 25


class Narrator:
    """Tells what pip does, from the lines it prints.

    Args:
        write: Takes text for the person.
        terminal: Whether a line can be painted over; elsewhere only what takes long
            gets a line of its own.

    Attributes:
        gave_up: pip could not reach an index or finish a download, and stopped trying.
    """

    def __init__(self, write: Callable[[str], object], *, terminal: bool) -> None:
        self._write = write
        self._terminal = terminal
        self._fetching = ""
        self._told = ""
        self._painted = 0
        self._last: deque[str] = deque(maxlen=_KEPT_LINES)
        self.gave_up = False

    def hear(self, line: str) -> None:
        """Take one line of pip's output."""
        line = line.rstrip()
        if found := _PROGRESS.match(line):
            self._advance(int(found[1]), int(found[2]))
            return
        if found := _RETRYING.match(line):
            self._paint("no answer; trying again")
            if int(found[1]) > 0:
                return  # long, and all alike: the last one is enough to show
        if found or _CUT_OFF.search(line):
            self.gave_up = True
        if not line.startswith(_THERE_ALREADY):
            self._last.append(line)
        if found := _FETCHING.match(line):
            self._fetching = _package(found[1])
            self._paint(self._fetching)
        elif found := _LOOKING.match(line):
            self._paint(f"looking for {found[1]}")
        elif line.startswith(_INSTALLING):
            count = line.count(",") + 1
            self._tell(f"installing {count} package{'s' if count > 1 else ''}")

    def end(self, *, failed: bool) -> None:
        """Clear the moving line; after a failure, show the end of what pip printed."""
        self._paint("")
        if failed:
            self._write("\n".join(f"{_INDENT}{line}" for line in self._last) + "\n")

    def _advance(self, done_bytes: int, total_bytes: int) -> None:
        if total_bytes >= _LARGE_BYTES and not self._terminal:
            self._tell(f"fetching {self._fetching}, {_size(total_bytes)}")
        if total_bytes:
            done = f"{_size(done_bytes)} of {_size(total_bytes)}"
            share = f"{done_bytes * 100 // total_bytes} %"
            self._paint(f"{self._fetching}  {done}, {share}")

    def _tell(self, text: str) -> None:
        """Show `text`, once, on every kind of output."""
        if self._terminal:
            self._paint(text)
        elif text != self._told:
            self._told = text
            self._write(f"{_INDENT}{text}\n")

    def _paint(self, text: str) -> None:
        if not self._terminal:
            return
        width = shutil.get_terminal_size().columns - 1
        line = f"{_INDENT}{text}"[:width] if text else ""
        # Blanks rather than an escape sequence: every console knows them.
        self._write("\r" + line + " " * (self._painted - len(line)) + "\r" * (not text))
        self._painted = len(line)


def _package(target: str) -> str:
    """Return ``torch 2.13.0`` for the address or path of its wheel."""
    file = target.replace("%2B", "+").rpartition("/")[2]
    name, _, rest = file.partition("-")
    return f"{name} {rest.partition('-')[0]}".removesuffix(" ").removesuffix(".tar.gz")


def _size(n_bytes: int) -> str:
    if n_bytes >= 1_000_000_000:
        return gigabytes(n_bytes)
    return (
        f"{n_bytes / 1e6:.0f} MB" if n_bytes >= 1_000_000 else f"{n_bytes // 1000} kB"
    )
