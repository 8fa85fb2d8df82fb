"""What a reader gives: one record after another, good or bad, each with its line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MOST_ROW_CHARS = 64 * 1024 * 1024
"""A longer row is refused: it is no example but a whole file on one line."""


class Number(str):
    """A number exactly as the file spells it, so that none is rounded in silence."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row as the file has it: column to value, before anybody interprets it."""

    line: int
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRecord:
    """A row that cannot even be read."""

    line: int
    code: str
    message: str


Item = Record | BadRecord


@dataclass(slots=True)
class Meter:
    """How much of a file is read so far; the reader moves it on."""

    read_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An open file: its records in order, and what had to be assumed to read it."""

    items: Iterator[Item]
    notes: tuple[str, ...] = ()
    meter: Meter = field(default_factory=Meter)


def has_surrogate(text: str) -> bool:
    """Return whether `text` holds half a character, which no tokenizer can take."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
