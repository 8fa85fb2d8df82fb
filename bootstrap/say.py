"""What a person reads while the set-up runs.

Everything goes to stderr: stdout belongs to the command that follows, which may
print JSON there.
"""

import sys
from dataclasses import dataclass
from typing import Final

DONE: Final = 0
FAILED: Final = 1
WRONG_REQUEST: Final = 2
INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that limits this installation; `tunesmith doctor` repeats it."""

    code: str
    message: str
    hint: str


class SetupError(Exception):
    """The set-up cannot go on.

    Args:
        message: What happened.
        hint: What to do about it.
        status: The exit status of run.py.
    """

    def __init__(self, message: str, *, hint: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.status = status


def say(text: str) -> None:
    """Print `text` on stderr, at once."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def announce(problem: Problem) -> None:
    """Print `problem` so that it cannot be overlooked."""
    rule = "-" * 72
    say(f"{rule}\n{problem.message}\n{problem.hint}\n{rule}")


def gigabytes(size_bytes: float) -> str:
    """Return `size_bytes` in decimal gigabytes, as download pages count them."""
    return f"{size_bytes / 1e9:.1f} GB"
