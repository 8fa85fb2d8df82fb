"""Rows to learn from and rows held out, decided by each row's own words.

The choice is a pure function of the words and the seed: the same row falls on the same
side wherever it stands in the file, and copies of a row never stand on both sides.
"""

import hashlib
import itertools
from array import array
from collections.abc import Iterator, Sequence

from core.data.rows import Chat, Row, Text


def split(
    rows: Sequence[Row], eval_fraction: float, seed: int
) -> tuple[list[Row], list[Row]]:
    """Return (training rows, held-out rows), each in the order of `rows`.

    At least one row is held out when `eval_fraction` is above 0 and there are two
    different rows; never all of them.
    """
    held = held_out([fingerprint(row) for row in rows], eval_fraction, seed)
    training = [row for number, row in enumerate(rows) if number not in held]
    return training, [rows[number] for number in sorted(held)]


def held_out(prints: Sequence[int], eval_fraction: float, seed: int) -> set[int]:
    """Return the places of the rows to hold out, given each row's `fingerprint`."""
    drawn = array("Q", (_digest([f"{seed}:{mark}"]) for mark in prints))
    sizes = [len(places) for places in _groups(drawn)]
    if eval_fraction <= 0.0 or len(sizes) < 2:
        return set()
    wanted = max(1, round(eval_fraction * len(prints)))
    # Every group may be larger than the share; the smallest then comes nearest.
    wanted = max(wanted, min(sizes[:-1]))
    held: set[int] = set()
    groups = _groups(drawn)
    for _ in sizes[:-1]:  # one group is always learnt from
        places = next(groups)
        if len(held) + len(places) <= wanted:
            held.update(places)
    return held


def alike(marks: Sequence[int]) -> Iterator[list[int]]:
    """Give the places of each mark that stands more than once, earliest first."""
    return (places for places in _groups(marks) if len(places) > 1)


def _groups(marks: Sequence[int]) -> Iterator[list[int]]:
    """Give the places of each mark, smallest mark first.

    Sorting places takes a tenth of the memory of a dictionary of lists.
    """
    ordered = sorted(range(len(marks)), key=marks.__getitem__)
    for _, places in itertools.groupby(ordered, key=marks.__getitem__):
        yield list(places)


def fingerprint(row: Row) -> int:
    """Return a number that rows share if they say the same, but for case and blanks."""
    return _digest(normalised(_words(row)))


def exact_fingerprint(row: Row) -> int:
    """Return a number that rows share if they are the same to the letter."""
    return _digest(_words(row))


def prompt_fingerprint(row: Row) -> int:
    """Return a number that chats share if they ask the same, whatever the answer."""
    words = _words(row)
    return _digest(normalised(words[:-1] if isinstance(row, Chat) else words))


def normalised(words: Sequence[str]) -> list[str]:
    """Return `words` without differences of case and blanks."""
    return [" ".join(text.casefold().split()) for text in words]


def _words(row: Row) -> list[str]:
    """Return all a row says, roles included; the last answer comes last."""
    if isinstance(row, Text):
        return [row.text]
    turns = [part for turn in row.messages for part in (turn.role, turn.content)]
    return [row.tools, *turns]


def _digest(words: Sequence[str]) -> int:
    # Eight bytes: two of a million rows meet by chance once in 37 million data sets.
    content = "\0".join(words).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")
