"""JSON and JSON Lines, one row at a time, each with the line it begins on.

A row that is broken does not take its neighbours with it: lines stand alone in JSON
Lines, and in an array the end of a broken element is found by its brackets, or by the
next row at the same indent. Numbers keep their spelling (`Number`).
"""

import json
import re
from collections.abc import Iterator
from json import JSONDecodeError
from typing import IO, Any, cast

from core.data.cursor import Cursor
from core.data.records import MOST_ROW_CHARS, BadRecord, Item, Number, Record

_PREFIX_CHARS = 1 << 16
# A file that is one object with one of these is a single row, not a wrapped list.
_ROW_LISTS = frozenset(
    {"messages", "conversations", "conversation", "history", "tools", "chosen"}
    | {"rejected", "prompt", "completion", "dialog", "dialogue", "chat", "turns"}
)


class _DuplicateKey(ValueError):
    pass


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        message = f"The key “{twice}” stands twice in one object."
        raise _DuplicateKey(message)
    return found


def _constant(name: str) -> object:
    """Read NaN as nothing (spreadsheets write it for an empty cell)."""
    return None if name == "NaN" else Number(name)


DECODER = json.JSONDecoder(
    object_pairs_hook=_without_duplicates,
    parse_float=Number,
    parse_int=Number,
    parse_constant=_constant,
)


def read_json(file: IO[str], *, by_lines: bool) -> Iterator[Item]:
    """Give the rows of a JSON file, whatever its outer shape.

    An array, an object that holds a list of rows, JSON Lines, or objects one after
    another are told apart by content; `by_lines` says what the file's name promised.
    """
    prefix = file.read(_PREFIX_CHARS)
    file.seek(0)
    start = prefix.lstrip("\ufeff \t\r\n")
    if start.startswith("["):
        cursor = Cursor(file)
        cursor.skip_space()
        cursor.advance(1)
        yield from _array(cursor)
    elif _is_lines(start, promised=by_lines):
        yield from _lines(file)
    else:
        yield from _objects(file)


def _is_lines(start: str, *, promised: bool) -> bool:
    first, separator, rest = start.partition("\n")
    if promised and first.strip() != "{":
        return True
    try:
        DECODER.decode(first)
    except (ValueError, RecursionError):
        return False
    return bool(separator) and bool(rest.strip())


def _lines(file: IO[str]) -> Iterator[Item]:
    number = 0
    while line := file.readline(MOST_ROW_CHARS):
        number += 1
        if len(line) == MOST_ROW_CHARS and not line.endswith("\n"):
            _skip_line(file)
            yield _too_long(number)
        elif line.strip(" \t\r\n\ufeff"):
            yield parsed(line.strip(" \t\r\n\ufeff"), number)


def _skip_line(file: IO[str]) -> None:
    while (more := file.readline(1 << 20)) and not more.endswith("\n"):
        pass


def _endless(line: int) -> BadRecord:
    message = "The file ends inside this row: a bracket or a quote is never closed."
    return BadRecord(line=line, code="dataset.row_syntax", message=message)


def _too_long(line: int) -> BadRecord:
    return BadRecord(
        line=line,
        code="dataset.row_too_long",
        message=f"The row is longer than {MOST_ROW_CHARS:,} characters.",
    )


def parsed(text: str, line: int) -> Item:
    """Return the row that `text` holds, which begins on `line`."""
    try:
        value = DECODER.decode(text)
    except JSONDecodeError as err:
        at = f"line {line + err.lineno - 1}, column {err.colno}"
        message = f"Not valid JSON: {err.msg} ({at})."
        return BadRecord(line=line, code="dataset.row_syntax", message=message)
    except _DuplicateKey as err:
        return BadRecord(line=line, code="dataset.row_duplicate_key", message=str(err))
    except RecursionError:
        message = "The row is nested too deeply."
        return BadRecord(line=line, code="dataset.row_too_deep", message=message)
    return _record(value, line)


def _record(value: object, line: int) -> Item:
    if isinstance(value, dict):
        return Record(line=line, values=cast("dict[str, object]", value))
    if isinstance(value, str) and not isinstance(value, Number):
        return Record(line=line, values={"text": value})
    kind = "a list" if isinstance(value, list) else "no object"
    message = f'The row is {kind}; a row is an object like {{"prompt": …}}.'
    return BadRecord(line=line, code="dataset.row_not_object", message=message)


def _array(cursor: Cursor) -> Iterator[Item]:
    """Give the elements of the array whose bracket was just passed."""
    needs_comma = False
    while char := cursor.skip_space():
        if char == "]":
            cursor.advance(1)
            return
        if char == ",":
            cursor.advance(1)
            needs_comma = False
            continue
        line = cursor.line
        item, whole = _element(cursor)
        if needs_comma:
            message = "A comma is missing before this row."
            item = BadRecord(line=line, code="dataset.row_syntax", message=message)
        yield item
        if isinstance(item, BadRecord) and not cursor.skip_space():
            return  # the file's end is what is wrong, and was told
        needs_comma = whole
    yield BadRecord(
        line=cursor.line,
        code="dataset.row_syntax",
        message="The file ends before its list does: a “]” is missing.",
    )


def _element(cursor: Cursor) -> tuple[Item, bool]:
    """Return the next element, and whether it ended where its brackets say."""
    line = cursor.line
    try:
        value, length = cursor.decode(DECODER)
    except (ValueError, RecursionError):
        return _slow_element(cursor)
    cursor.advance(length)
    return _record(value, line), True


def _slow_element(cursor: Cursor) -> tuple[Item, bool]:
    line, indent = cursor.line, cursor.indent
    length = cursor.value_length()
    item = parsed(cursor.text(length), line) if length else None
    if isinstance(item, Record) and length:
        cursor.advance(length)
        return item, True
    if item is None:
        item = _endless(line) if cursor.at_end else _too_long(line)
    if indent is not None:
        next_row = re.compile(r"\n[ \t]{%d}\{" % indent)  # noqa: UP031 - braces
        again = cursor.find(next_row, length)
        if again:
            cursor.advance(again - 1)
            return item, False
    if length:
        cursor.advance(length)
    else:
        cursor.give_up()
    return item, True


def _objects(file: IO[str]) -> Iterator[Item]:
    """Give the rows of an object that wraps a list, or of objects in sequence."""
    cursor = Cursor(file)
    if cursor.skip_space() == "{":
        cursor.advance(1)
        if _find_list(cursor):
            cursor.advance(1)
            yield from _array(cursor)
            yield from _other_lists(cursor)
            return
    file.seek(0)
    cursor = Cursor(file)
    while char := cursor.skip_space():
        if char == "\ufeff":
            cursor.advance(1)
            continue
        before = cursor.line
        item, _ = _element(cursor)
        yield item
        if cursor.skip_space() in {",", "]", "}"}:  # leftovers of a broken row
            cursor.advance(1)
            if isinstance(item, Record):
                message = f"Not valid JSON: “{char}…” is followed by a stray mark."
                yield BadRecord(line=before, code="dataset.row_syntax", message=message)


def _other_lists(cursor: Cursor) -> Iterator[Item]:
    """Name each further list of an object: which one to learn from is not ours to say."""
    while cursor.skip_space() == ",":
        cursor.advance(1)
        name, line = _find_list(cursor), cursor.line
        length = cursor.value_length() if name else None
        if not length:
            return
        cursor.advance(length)
        message = f"A second list, “{name}”, is not read. Put it in a file of its own."
        yield BadRecord(line=line, code="dataset.second_list", message=message)


def _find_list(cursor: Cursor) -> str:
    """Move to the next list of objects in the object we are in; return its key."""
    while cursor.skip_space() == '"':
        try:
            key, length = cursor.decode(DECODER)
        except (ValueError, RecursionError):
            return ""
        cursor.advance(length)
        if cursor.skip_space() != ":":
            return ""
        cursor.advance(1)
        is_list = cursor.skip_space() == "[" and key not in _ROW_LISTS
        if is_list and re.match(r"\[\s*\{", cursor.text(1 << 16)):
            return str(key) or "list"
        length = cursor.value_length()
        if not length:
            return ""
        cursor.advance(length)
        if cursor.skip_space() == ",":
            cursor.advance(1)
    return ""
