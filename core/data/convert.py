"""A record becomes a row to learn from, or a problem with its line."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from core.data.layout import Layout
from core.data.records import Record
from core.data.rows import Chat, Message, Row, RowProblem, Text
from core.data.turns import (
    BadRow,
    conversation,
    dumped,
    is_conversation,
    merged_calls,
    whole,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A row that says of itself that its answer is not to be learnt."""

    line: int


def convert(record: Record, layout: Layout, file: str) -> Row | RowProblem | SetAside:
    """Return what `record` is under `layout`; a fault comes back as its problem."""
    try:
        if layout.format == "text":
            return _learnt_text(record, layout, file)
        good = record.values.get(layout.columns.get("good", ""))
        if good is False or (isinstance(good, str) and good.strip().lower() == "false"):
            return SetAside(line=record.line)
        turns = merged_calls(_turns(record, layout.columns))
        _check(turns)
        return Chat(
            messages=tuple(_until_last_answer(turns)),
            line=record.line,
            file=file,
            tools=_tools(record.values.get(layout.columns.get("tools", ""))),
        )
    except BadRow as err:
        return RowProblem(line=record.line, code=err.code, message=str(err), file=file)
    except RecursionError:
        message = "The row is nested too deeply."
        code = "dataset.row_too_deep"
        return RowProblem(line=record.line, code=code, message=message, file=file)


def _learnt_text(record: Record, layout: Layout, file: str) -> Text:
    text = _text(record, layout.columns, "text")
    if not text.strip():
        raise BadRow("dataset.row_empty", "The text is empty.")
    return Text(text=whole(text), line=record.line, file=file)


def _turns(record: Record, columns: Mapping[str, str]) -> list[Message]:
    turns: list[Message] = []
    system = _text(record, columns, "system", required=False)
    if system.strip():
        turns.append(Message(role="system", content=whole(system)))
    if "messages" in columns:
        turns += conversation(_value(record, columns["messages"]))
    turns += _history(record.values.get(columns.get("history", "")))
    if "prompt" in columns:
        turns += _asked(record, columns)
    if "completion" in columns:
        turns += _answered(_value(record, columns["completion"]), columns["completion"])
    return turns


def _asked(record: Record, columns: Mapping[str, str]) -> list[Message]:
    value = _value(record, columns["prompt"])
    if is_conversation(value):
        return conversation(value)
    more = _text(record, columns, "input", required=False)
    asked = _as_text(value, columns["prompt"])
    parts = [part for part in (asked, more) if part.strip()]
    if not parts:
        raise BadRow("dataset.row_no_prompt", f"“{columns['prompt']}” is empty.")
    return [Message(role="user", content=whole("\n".join(parts)))]


def _answered(value: object, column: str) -> list[Message]:
    if is_conversation(value):
        return conversation(value)
    text = _as_text(value, column)
    if not text.strip():
        raise BadRow("dataset.row_no_answer", f"The answer in “{column}” is empty.")
    return [Message(role="assistant", content=whole(text))]


def _history(value: object) -> list[Message]:
    if not value:
        return []
    turns: list[Message] = []
    pairs = cast("list[object]", value) if isinstance(value, list) else []
    for pair in pairs:
        both = cast("list[object]", pair) if isinstance(pair, list) else []
        if len(both) != 2:
            raise BadRow(
                "dataset.row_wrong_type", "“history” holds no question–answer pairs."
            )
        asked, answered = (whole(_as_text(item, "history")) for item in both)
        turns.append(Message(role="user", content=asked))
        turns.append(Message(role="assistant", content=answered))
    return turns


def _tools(value: object) -> str:
    if value is None or (isinstance(value, str) and value.strip() in {"", "[]"}):
        return ""
    return whole(str(value) if isinstance(value, str) else dumped(value))


def _check(turns: list[Message]) -> None:
    if not any(turn.role == "assistant" for turn in turns):
        message = "Nobody answers: there is no assistant turn."
        raise BadRow("dataset.row_no_assistant", message)
    for number, (before, turn) in enumerate(itertools.pairwise(turns), 2):
        if turn.role == "system":
            message = f"Turn {number} is a system turn; only the first may be."
            raise BadRow("dataset.row_system_place", message)
        if turn.role == before.role:
            message = (
                f"Turns {number - 1} and {number} are both spoken by the {turn.role}."
            )
            raise BadRow("dataset.row_same_role", message)


def _until_last_answer(turns: list[Message]) -> list[Message]:
    """Leave out what follows the last answer; nothing could be learnt from it."""
    roles = [turn.role for turn in turns]
    return turns[: len(roles) - roles[::-1].index("assistant")]


def _value(record: Record, column: str) -> object:
    if column not in record.values:
        raise BadRow("dataset.row_missing_column", f"The row has no “{column}”.")
    return record.values[column]


def _text(
    record: Record, columns: Mapping[str, str], role: str, *, required: bool = True
) -> str:
    column = columns.get(role, "")
    if not required and column not in record.values:
        return ""
    return _as_text(_value(record, column), column)


def _as_text(value: object, column: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value)
    kind = "a list" if isinstance(value, list) else "an object"
    kind = kind if isinstance(value, (list, dict)) else "no text"
    raise BadRow("dataset.row_wrong_type", f"“{column}” is {kind}, not text.")
