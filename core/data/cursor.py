"""A place in a long text that is read piece by piece, with its line number."""

import json
import os
import re
from typing import IO, Any

from core.data.records import MOST_ROW_CHARS

_PIECE_CHARS = 1 << 20
_NOT_SPACE = re.compile(r"[^ \t\r\n]")
_MARK = re.compile(r'["{}\[\],]')
_STRING_MARK = re.compile(r'["\\]')


class Cursor:
    """Where we are in a JSON text."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._buffer = ""
        self._position = 0
        self.line = 1
        self.at_end = False
        """All of the file is loaded."""
        self.indent: int | None = 0
        """Blanks between the line's start and here; None if more stands there."""

    @property
    def loaded(self) -> int:
        """Characters loaded from here on."""
        return len(self._buffer) - self._position

    def text(self, length: int) -> str:
        """Return the next `length` characters, which must be loaded."""
        return self._buffer[self._position : self._position + length]

    def find(self, pattern: re.Pattern[str], end: int | None) -> int | None:
        """Return how far ahead `pattern` ends, looking at most `end` characters on."""
        stop = len(self._buffer) if end is None else self._position + end
        found = pattern.search(self._buffer, self._position + 1, stop)
        return found.end() - self._position if found else None

    def load(self) -> bool:
        """Read more; False at the file's end. Twice as much each time: linear cost."""
        rest = self._buffer[self._position :]
        more = self._file.read(max(_PIECE_CHARS, len(rest)))
        self._buffer, self._position = rest + more, 0
        self.at_end = not more
        return bool(more)

    def give_up(self) -> None:
        """Go to the end of the text; nothing of the rest can be read."""
        self._file.seek(0, os.SEEK_END)
        self._buffer, self._position, self.at_end = "", 0, True

    def advance(self, length: int) -> None:
        """Pass `length` characters."""
        end = self._position + length
        self.line += self._buffer.count("\n", self._position, end)
        self._position = end
        self.indent = None

    def skip_space(self) -> str:
        """Return the next character that is no blank, without passing it; "" at the end."""
        indent: int | None = self.indent
        while True:
            found = _NOT_SPACE.search(self._buffer, self._position)
            end = found.start() if found else len(self._buffer)
            blank = self._buffer[self._position : end]
            if "\n" in blank:
                indent = len(blank) - blank.rindex("\n") - 1
            elif indent is not None:
                indent += len(blank)
            self.advance(len(blank))
            self.indent = indent
            if found:
                return found.group()
            if not self.load():
                return ""

    def decode(self, decoder: json.JSONDecoder) -> tuple[Any, int]:
        """Return the value here and its length, if all of it is loaded.

        Raises:
            ValueError: It is broken, or more must be loaded.
            RecursionError: It is nested too deeply.
        """
        value, end = decoder.raw_decode(self._buffer, self._position)
        if end == len(self._buffer) and not self.at_end:
            message = "The value may go on."
            raise ValueError(message)
        return value, end - self._position

    def value_length(self, most: int = MOST_ROW_CHARS) -> int | None:
        """Return the length of the value here by its brackets, loading what it takes.

        None if it has no end within `most` characters or the file.
        """
        place = depth = 0
        in_string = False
        while True:
            found = self._mark(place, in_string=in_string)
            if found is None:
                return None if in_string or depth or not self.loaded else self.loaded
            place, mark = found
            if place > most:
                return None
            if mark == "\\":
                place += 1
                continue
            if mark == '"':
                in_string = not in_string
            else:
                depth += (mark in "{[") - (mark in "}]")
            if depth < 0 or (depth == 0 and mark == ","):  # what holds us goes on here
                return place - 1 or None
            if depth == 0 and not in_string:
                return place

    def _mark(self, place: int, *, in_string: bool) -> tuple[int, str] | None:
        """Return the next mark at or after `place` and where it ends; loads more."""
        pattern = _STRING_MARK if in_string else _MARK
        while True:
            found = pattern.search(self._buffer, self._position + place)
            # A backslash at the very end needs the character after it.
            if found and found.end() < len(self._buffer):
                return found.end() - self._position, found.group()
            if self.loaded <= 2 * MOST_ROW_CHARS and self.load():
                continue
            return (found.end() - self._position, found.group()) if found else None
