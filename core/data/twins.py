"""Rows that repeat one another, and held-out rows whose answer training gives away."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from core.data.rows import Row
from core.data.split import alike, exact_fingerprint, fingerprint, prompt_fingerprint


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


class Marks:
    """What the doctor keeps of the rows: columns of numbers, for there may be millions."""

    def __init__(self) -> None:
        self.files = array("H")
        self.lines = array("Q")
        self.exact = array("Q")
        self.near = array("Q")
        self.prompts = array("Q")
        self.usable = bytearray()

    def __len__(self) -> int:
        return len(self.lines)

    def add(self, row: Row, *, file: int, is_usable: bool) -> None:
        """Note a row of the file of that number."""
        self.files.append(file)
        self.lines.append(row.line)
        self.exact.append(exact_fingerprint(row))
        self.near.append(fingerprint(row))
        self.prompts.append(prompt_fingerprint(row))
        self.usable.append(is_usable)


def exact_copies(marks: Marks) -> int:
    """Return how many rows repeat an earlier one to the letter."""
    return sum(len(places) - 1 for places in alike(marks.exact))


def repeats(marks: Marks, files: Sequence[str]) -> list[Twin]:
    """Return each row that says the same as an earlier one, but for case and blanks."""
    found = [(place, places[0]) for places in alike(marks.near) for place in places[1:]]
    return _twins(found, marks, files)


def leaks(marks: Marks, held: set[int], files: Sequence[str]) -> list[Twin]:
    """Return rows that measure nothing because their question is learnt from.

    These are held-out rows (`held`, places in `marks`) whose question is also among the
    training rows, and rows of a later file whose question stands in an earlier file: the
    usual pair of a training and a test file.
    """
    found: list[tuple[int, int]] = []
    for places in alike(marks.prompts):
        learnt = next((place for place in places if place not in held), None)
        for place in places:
            if place in held and learnt is not None:
                found.append((place, learnt))
            elif marks.files[place] != marks.files[places[0]]:
                found.append((place, places[0]))
    return _twins(found, marks, files)


def _twins(
    pairs: list[tuple[int, int]], marks: Marks, files: Sequence[str]
) -> list[Twin]:
    def at(place: int) -> Place:
        return Place(file=files[marks.files[place]], line=marks.lines[place])

    return [Twin(row=at(row), other=at(other)) for row, other in sorted(pairs)]
