"""What the command line says, and where: answers on stdout, all else on stderr."""

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from core.errors import TunesmithError
from core.places import called
from core.wire import line, to_json

# A command as our words name it: “tunesmith resume …”.
_NAMED = re.compile(r"(?<=“)tunesmith(?= [a-z-])")


class Console:
    """The two streams of a command, and the promise about ``--json``.

    With `as_json` exactly one document goes to stdout. With `as_events` each event goes
    there as a line and the answer is the last line; with both, stdout keeps the first
    promise and events go to stderr.
    """

    def __init__(
        self, *, as_json: bool, as_events: bool, out: TextIO, err: TextIO
    ) -> None:
        self.as_json = as_json
        self.as_events = as_events
        self._out = out
        self._err = err
        self._drawn = 0
        self.is_live = err.isatty()
        """Whether a person watches stderr, so that a line may be redrawn."""

    def answer(self, document: Mapping[str, Any], text: str) -> None:
        """Give the command's one answer, for a program or for a person."""
        self.clear()
        if self.as_json:
            tree = to_json(document)
            shown = json.dumps(tree, ensure_ascii=False, allow_nan=False, indent=1)
            _put(self._out, f"{shown}\n")
        elif self.as_events:
            _put(self._out, f"{line({'kind': 'result', **document})}\n")
        elif text:
            _put(self._out, f"{text}\n")

    def event(self, event: Any) -> None:
        """Give one event as a line of JSON, if events were asked for."""
        if not self.as_events:
            return
        self.clear()
        text = event if isinstance(event, str) else line(event)
        if self.as_json:
            self._aside(f"{text}\n")
        else:
            _put(self._out, f"{text}\n")

    def say(self, text: str, *, end: str = "\n") -> None:
        """Give a piece of a conversation to a person; nothing with --json."""
        if not (self.as_json or self.as_events):
            self.clear()
            _put(self._out, f"{text}{end}")

    def note(self, text: str) -> None:
        """Tell a person something beside the answer."""
        self.clear()
        self._aside(f"{as_called(text)}\n")

    def draw(self, text: str) -> None:
        """Redraw the one live line, if a person watches."""
        if not self.is_live:
            return
        width = shutil.get_terminal_size().columns - 1
        shown = text[:width]
        blank = " " * max(0, self._drawn - len(shown))
        self._aside(f"\r{shown}{blank}")
        self._drawn = len(shown)

    def clear(self) -> None:
        """Take the live line away."""
        if self._drawn:
            blank = " " * self._drawn
            self._aside(f"\r{blank}\r")
            self._drawn = 0

    def fail(
        self, err: TunesmithError, *, beside: Mapping[str, Any] | None = None
    ) -> None:
        """Tell an error to the person and, with --json, to the program.

        Args:
            err: What happened and what to do.
            beside: More keys of the document, such as the run's id.
        """
        sentences = [err.message, err.hint]
        self.note("\n".join(sentence for sentence in sentences if sentence))
        if self.as_json or self.as_events:
            self.answer({"error": err.to_json(), **(beside or {})}, "")

    def _aside(self, text: str) -> None:
        """Write to stderr; the work goes on where nobody reads it or its disk is full."""
        with contextlib.suppress(OSError):
            _put(self._err, text)


def as_called(text: str) -> str:
    """Return our own words with their commands as the person can type them."""
    name = called()
    return _NAMED.sub(lambda _: name, text)


def _put(stream: TextIO, text: str) -> None:
    """Write `text` whole: ``print`` ends its line apart, and Ctrl-C fell between."""
    stream.write(text)
    stream.flush()


def hush() -> None:
    """Let stdout lead nowhere: what it still holds is written at the process's end."""
    with contextlib.suppress(OSError):  # a stream of a test has no number
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_closed_streams() -> None:
    """Give this process the streams that whoever started it closed, as with ``>&-``.

    Else the next file it opens would take their place, and hear what is meant for them.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def standard_console(*, as_json: bool, as_events: bool) -> Console:
    """Return the console on this process's own streams, in UTF-8 everywhere."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # Windows writes cp1252 into pipes; JSON is UTF-8
            reconfigure(encoding="utf-8", errors="replace")
    return Console(as_json=as_json, as_events=as_events, out=sys.stdout, err=sys.stderr)
