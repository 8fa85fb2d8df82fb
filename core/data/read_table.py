"""CSV and TSV with any usual separator, each row with the line it begins on."""

import csv
from collections.abc import Iterator
from typing import IO

from core.data.records import MOST_ROW_CHARS, BadRecord, Item, Record

_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE_CHARS = 1 << 16
_SAMPLE_ROWS = 50
_MOST_COLUMNS = 1000

# The module's own limit of 128 KiB refuses honest long answers.
csv.field_size_limit(MOST_ROW_CHARS)


def read_table(file: IO[str], *, tabs: bool) -> Iterator[Item]:
    """Give the rows below the header; the separator is found by itself.

    Args:
        file: The opened text.
        tabs: The file's name says that tabs separate; used when nothing else is clear.
    """
    sample = file.read(_SAMPLE_CHARS)
    file.seek(0)
    separator = _separator(sample, "\t" if tabs else ",")
    # Lines in bounded parts: a gigabyte without a line end must not fill the memory.
    lines = iter(lambda: file.readline(MOST_ROW_CHARS), "")
    reader = csv.reader(lines, delimiter=separator, strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as err:
            yield _bad(line, f"Not valid CSV: {err}. A quote may not be closed.")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _header(cells)
        elif len(cells) > len(header):
            yield _bad(line, _too_many(len(cells), len(header)))
        else:
            padded: list[str | None] = [*cells, *[None] * (len(header) - len(cells))]
            yield Record(line=line, values=dict(zip(header, padded, strict=True)))


def _bad(line: int, message: str) -> BadRecord:
    return BadRecord(line=line, code="dataset.row_syntax", message=message)


def _too_many(found: int, expected: int) -> str:
    return (
        f"The row has {found} columns and the header {expected}; text that holds the"
        " separator needs quotes."
    )


def _header(cells: list[str]) -> list[str]:
    """Return a name for each column: empty ones numbered, repeated ones told apart."""
    names: list[str] = []
    for number, cell in enumerate(cells[:_MOST_COLUMNS], start=1):
        name = cell.strip().lstrip("\ufeff") or f"column {number}"
        names.append(f"{name} ({number})" if name in names else name)
    names += [f"column {number}" for number in range(_MOST_COLUMNS + 1, len(cells) + 1)]
    return names


def _separator(sample: str, fallback: str) -> str:
    """Return the separator that cuts the sample into the most even table."""
    best, best_score = fallback, 0.0
    for separator in (fallback, *(s for s in _SEPARATORS if s != fallback)):
        widths = _widths(sample, separator)
        if not widths or widths[0] < 2:
            continue
        score = sum(width == widths[0] for width in widths) / len(widths)
        if score > best_score + 1e-9:
            best, best_score = separator, score
    return best


def _widths(sample: str, separator: str) -> list[int]:
    rows = csv.reader(sample.splitlines(keepends=True), delimiter=separator)
    widths: list[int] = []
    try:
        for row in rows:
            if any(cell.strip() for cell in row):
                widths.append(len(row))
            if len(widths) == _SAMPLE_ROWS:
                return widths
    except csv.Error:
        return []
    # The last row of a cut sample may be half a row.
    return widths[:-1] if len(sample) == _SAMPLE_CHARS else widths
