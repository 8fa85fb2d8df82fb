"""Every failure core raises on purpose, drawn as a tree.

An error is one sentence that says what happened (``message``), then one that says what
to do (``hint``). ``code`` is stable and dotted; scripts rely on it. The exit status of
the command line follows from the branch.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The place in a person's file that an error is about."""

    file: str
    line: int | None = None


class TunesmithError(Exception):
    """What went wrong, and the way out. Raise a branch of this, not this itself."""

    exit_status: ClassVar[int] = 1

    def __init__(
        self, code: str, message: str, *, hint: str = "", where: Where | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.where = where

    def to_json(self) -> dict[str, object]:
        """Return the error as interfaces.md shows it, without the outer key."""
        found: dict[str, object] = {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
        }
        if self.where is not None:
            where: dict[str, object] = {"file": self.where.file}
            if self.where.line is not None:
                where["line"] = self.where.line
            found["where"] = where
        return found


class RequestError(TunesmithError):
    """The request was wrong: a bad argument, file, model or plan. Exit status 2."""

    exit_status = 2


class ModelError(RequestError):
    """A base model that cannot be used, and why."""


class DatasetError(RequestError):
    """A data file that cannot be used, and why."""


class PlanError(RequestError):
    """A plan file that cannot be read."""


class LibraryError(RequestError):
    """An adapter that cannot be used, and why."""


class WorkFailed(TunesmithError):
    """The work failed on the way: out of memory, diverged, disk full. Exit status 1."""


class DiskFull(WorkFailed):
    """A write found no room."""


class CheckpointError(WorkFailed):
    """A checkpoint is torn or does not belong here."""


class WouldNotFit(TunesmithError):
    """The plan needs more memory than there is. Exit status 3."""

    exit_status = 3


class Interrupted(TunesmithError):
    """Someone stopped it; what was done is saved. Exit status 130."""

    exit_status = 130


def reason_of(err: OSError) -> str:
    """Return the system's own word for `err`, such as ``permission denied``."""
    return (err.strerror or "the disk failed").lower()


_BY_BRANCH: dict[str, type[TunesmithError]] = {
    "dataset": DatasetError,
    "model": ModelError,
    "library": LibraryError,
    "plan": RequestError,
}


def error_of(
    code: str,
    message: str,
    *,
    hint: str = "",
    where: Where | None = None,
    default: type[TunesmithError] = WorkFailed,
) -> TunesmithError:
    """Return the error that another process told, in the branch its code names."""
    kind = _BY_BRANCH.get(code.partition(".")[0], default)
    return kind(code, message, hint=hint, where=where)
