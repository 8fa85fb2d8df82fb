"""Plain text and Markdown: cut where a reader would, at blank lines and headings.

Pieces matter because some are held out: one file must become many rows. How many tokens
a row may have is decided later, by the model's own tokenizer.
"""

import re
from collections.abc import Iterator
from typing import IO

from core.data.records import Item, Record

# About 500 tokens of English; long enough to teach style, short enough to hold out some.
_FULL_CHARS = 2000
_MOST_CHARS = 8000
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n")


def read_prose(file: IO[str], *, markdown: bool) -> Iterator[Item]:
    """Give pieces of whole paragraphs, about 2,000 characters each."""
    held: list[str] = []
    held_chars = 0
    first_line = 1
    for line, paragraph in _paragraphs(file):
        heading = markdown and paragraph.startswith("#")
        if held and (heading or held_chars + len(paragraph) > _FULL_CHARS):
            yield _row(first_line, "\n\n".join(held))
            held, held_chars = [], 0
        if len(paragraph) > _MOST_CHARS:
            yield from (_row(line, piece) for piece in _pieces(paragraph))
            continue
        if not held:
            first_line = line
        held.append(paragraph)
        held_chars += len(paragraph)
    if held:
        yield _row(first_line, "\n\n".join(held))


def _row(line: int, text: str) -> Record:
    return Record(line=line, values={"text": text})


def _paragraphs(file: IO[str]) -> Iterator[tuple[int, str]]:
    """Give each paragraph with its first line; a very long one comes in parts."""
    held: list[str] = []
    held_chars = 0
    first = number = 0
    at_line_start = True
    while line := file.readline(_MOST_CHARS):
        number += at_line_start
        at_line_start = line.endswith("\n")
        if line.strip():
            if not held:
                first = number
            held.append(line)
            held_chars += len(line)
        if held and (not line.strip() or held_chars >= _MOST_CHARS * 8):
            yield first, "".join(held).strip("\n")
            held, held_chars = [], 0
    if held:
        yield first, "".join(held).strip("\n")


def _pieces(paragraph: str) -> Iterator[str]:
    """Give sentences together, up to about 2,000 characters; longer ones are cut."""
    start = 0
    while len(paragraph) - start > _FULL_CHARS:
        window = paragraph[start : start + _FULL_CHARS]
        ends = [found.end() for found in _SENTENCE_END.finditer(window)]
        length = ends[-1] if ends else (window.rfind(" ") + 1 or _FULL_CHARS)
        yield window[:length].strip()
        start += length
    rest = paragraph[start:].strip()
    if rest:
        yield rest
