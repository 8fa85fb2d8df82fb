"""Rows to learn from and rows held out, decided by each row's own words.

The choice is a pure function of the words and the seed: the same row falls on the same
side wherever it stands in the file, and copies of a row never stand on both sides.
"""

import hashlib
from collections.abc import Sequence

from core.data.rows import Row, Text


def split(
    rows: Sequence[Row], eval_fraction: float, seed: int
) -> tuple[list[Row], list[Row]]:
    """Return (training rows, held-out rows), each in the order of `rows`.

    At least one row is held out when `eval_fraction` is above 0 and there are two
    different rows; never all of them.
    """
    if eval_fraction <= 0.0:
        return list(rows), []
    groups: dict[bytes, list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(fingerprint(row, seed), []).append(number)
    if len(groups) < 2:
        return list(rows), []
    wanted = max(1, round(eval_fraction * len(rows)))
    held: set[int] = set()
    ordered = sorted(groups.items())
    for _, numbers in ordered[:-1]:
        if len(held) + len(numbers) <= wanted:
            held.update(numbers)
    if not held:  # every group is larger than the share; the smallest comes nearest
        held.update(min((numbers for _, numbers in ordered), key=len))
    training = [row for number, row in enumerate(rows) if number not in held]
    return training, [rows[number] for number in sorted(held)]


def fingerprint(row: Row, seed: int = 0) -> bytes:
    """Return 8 bytes that rows share if they say the same, but for case and blanks."""
    return _digest(f"{seed}\0{normalised(whole_text(row))}")


def exact_fingerprint(row: Row) -> bytes:
    """Return 8 bytes that rows share if they are the same to the letter."""
    return _digest(whole_text(row))


def prompt_fingerprint(row: Row) -> bytes:
    """Return 8 bytes that chats share if they ask the same, whatever the answer."""
    if isinstance(row, Text):
        return fingerprint(row)
    asked = "\0".join(f"{turn.role}\0{turn.content}" for turn in row.messages[:-1])
    return _digest(normalised(asked))


def whole_text(row: Row) -> str:
    """Return all words of a row, roles included."""
    if isinstance(row, Text):
        return row.text
    turns = "\0".join(f"{turn.role}\0{turn.content}" for turn in row.messages)
    return f"{row.tools}\0{turns}"


def normalised(text: str) -> str:
    """Return `text` without differences of case and blanks."""
    return " ".join(text.casefold().split())


def _digest(text: str) -> bytes:
    # Eight bytes: two of a million rows meet by chance once in 40 million data sets.
    return hashlib.blake2b(
        text.encode("utf-8", "surrogatepass"), digest_size=8
    ).digest()
