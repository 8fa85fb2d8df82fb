"""Rows that repeat one another, and held-out rows whose answer training gives away."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a row stands."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """A row that repeats another, or that another gives away."""

    row: Place
    other: Place


@dataclass(frozen=True, slots=True)
class Mark:
    """What the doctor keeps of a row; positional and small, for there may be millions."""

    file: int
    line: int
    exact: int
    near: int
    prompt: int
    is_usable: bool


def repeats(marks: Sequence[Mark], files: Sequence[str]) -> list[Twin]:
    """Return each row that says the same as an earlier one, but for case and blanks."""
    first: dict[int, Mark] = {}
    found: list[Twin] = []
    for mark in marks:
        earlier = first.setdefault(mark.near, mark)
        if earlier is not mark:
            found.append(_twin(mark, earlier, files))
    return found


def leaks(marks: Sequence[Mark], held: set[int], files: Sequence[str]) -> list[Twin]:
    """Return rows that measure nothing because their question is learnt from.

    These are held-out rows (`held`, places in `marks`) whose question is also among the
    training rows, and rows of a later file whose question stands in an earlier file: the
    usual pair of a training and a test file.
    """
    trained: dict[int, Mark] = {}
    for number, mark in enumerate(marks):
        if number not in held:
            trained.setdefault(mark.prompt, mark)
    first: dict[int, Mark] = {}
    found: list[Twin] = []
    for number, mark in enumerate(marks):
        earlier = first.setdefault(mark.prompt, mark)
        learnt = trained.get(mark.prompt) if number in held else None
        if learnt is not None:
            found.append(_twin(mark, learnt, files))
        elif earlier.file != mark.file:
            found.append(_twin(mark, earlier, files))
    return found


def _twin(mark: Mark, other: Mark, files: Sequence[str]) -> Twin:
    return Twin(
        row=Place(file=files[mark.file], line=mark.line),
        other=Place(file=files[other.file], line=other.line),
    )
