"""Which column is what: recognised by itself, or mapped by hand.

The names are those in use: alpaca, ShareGPT, OpenAI messages, TRL's prompt–completion
and preference sets, and the pairs people really write (question and answer, …).
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from core.data.records import Record
from core.errors import DatasetError, Where
from core.plan.plan import DataFormat

Format = Literal["alpaca", "sharegpt", "messages", "prompt-completion", "text"]

MAPPABLE_ROLES = (
    "prompt",
    "completion",
    "system",
    "text",
    "messages",
    "input",
    "tools",
)
"""What a column can be mapped to by hand, most useful first."""

_MESSAGES = ("messages", "conversations", "conversation", "dialog", "dialogue", "chat")
_PROMPTS = (
    "prompt", "question", "instruction", "query", "problem", "user", "human", "input",
    "request", "article", "message_1", "context",
)  # fmt: skip
_COMPLETIONS = (
    "completion", "response", "answer", "output", "chosen", "solution", "assistant",
    "reply", "target", "summary", "message_2", "gpt", "accepted",
)  # fmt: skip
_SYSTEMS = ("system", "system_prompt")
_TEXTS = ("text", "content", "document", "body", "passage")
_LABELS = frozenset(
    {
        "label",
        "labels",
        "category",
        "class",
        "intent",
        "sentiment",
        "topic",
        "label_text",
    }
)
_GOOD_MARKS = ("label", "kto_tag")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a file's records become rows."""

    format: Format
    columns: Mapping[str, str]
    """Role to column. Roles: `MAPPABLE_ROLES`, ``history``, and ``good`` (false: an
    answer not to learn from)."""
    notes: tuple[str, ...] = field(default=())


def layout_of(
    records: Sequence[Record],
    *,
    format: DataFormat,  # noqa: A002 - the plan's own word
    mapping: Mapping[str, str],
    file: str,
) -> Layout:
    """Return the layout of a file from its first records.

    Raises:
        DatasetError: The columns tell no format (they are listed, with the way to map
            them), or a mapped column is not there.
    """
    columns = columns_of(records)
    if mapping:
        return _mapped(mapping, columns, format, file)
    found = _recognised(records, columns)
    if format == "auto" and found is None:
        raise _unknown(columns, file)
    if format == "auto" or (found and found.format == format):
        return cast("Layout", found)
    return _as_told(format, columns, file)


def columns_of(records: Sequence[Record]) -> tuple[str, ...]:
    """Return every column name of `records`, in order of first appearance."""
    return tuple(dict.fromkeys(name for record in records for name in record.values))


def _first(wanted: Sequence[str], columns: Sequence[str]) -> str:
    """Return the column that bears the first of the `wanted` names, any case."""
    known = {name.strip().casefold(): name for name in reversed(columns)}
    return next((known[name] for name in wanted if name in known), "")


def _optional(columns: Sequence[str]) -> dict[str, str]:
    found = {"system": _first(_SYSTEMS, columns), "tools": _first(("tools",), columns)}
    return {role: column for role, column in found.items() if column}


def _recognised(records: Sequence[Record], columns: tuple[str, ...]) -> Layout | None:
    chats = _chat_column(records, columns)
    chosen, rejected = (_first((name,), columns) for name in ("chosen", "rejected"))
    mark = _good_mark(records, columns)
    extra = {**_optional(columns), **({"good": mark} if mark else {})}
    notes = (_unpaired_note(mark),) if mark else ()
    if chosen and rejected:
        return _preference(records, columns, chats, chosen)
    if chats:
        kind = _chat_kind(records, chats)
        return Layout(format=kind, columns={"messages": chats, **extra}, notes=notes)
    prompt, completion = _pair(columns)
    if prompt.casefold() == "instruction" and completion:
        more = {role: _first((role,), columns) for role in ("input", "history")}
        more = {role: name for role, name in more.items() if name}
        pair = {"prompt": prompt, "completion": completion}
        return Layout(format="alpaca", columns={**pair, **more, **extra}, notes=notes)
    if prompt and completion:
        pair = {"prompt": prompt, "completion": completion}
        return Layout(
            format="prompt-completion", columns={**pair, **extra}, notes=notes
        )
    text = _first(_TEXTS, columns)
    labelled = any(name.strip().casefold() in _LABELS for name in columns)
    if text and not labelled and not completion:
        return Layout(format="text", columns={"text": text})
    return None


def _pair(columns: Sequence[str]) -> tuple[str, str]:
    prompt = _first(_PROMPTS, columns)
    rest = [name for name in columns if name != prompt]
    return prompt, _first(_COMPLETIONS, rest)


def _chat_column(records: Sequence[Record], columns: Sequence[str]) -> str:
    named = _first(_MESSAGES, columns)
    if any(_looks_like_chat(record.values.get(named)) for record in records):
        return named
    # A conversation under another name, as people do: {"dialog_turns": [{…}]}.
    for name in columns:
        held = [record.values.get(name) for record in records]
        other_use = name.casefold() in {*_PROMPTS, *_COMPLETIONS, "rejected", "tools"}
        if not other_use and any(_turns(value) for value in held):
            return name
    return named if named and not any(_pair(columns)) else ""


def _looks_like_chat(value: object) -> bool:
    if isinstance(value, str):
        return value.lstrip()[:1] == "["
    return bool(_turns(value))


def _turns(value: object) -> list[dict[str, object]]:
    """Return the turns of a value that is a list of turns, else nothing."""
    if not isinstance(value, list):
        return []
    items = cast("list[object]", value)
    turns = [
        cast("dict[str, object]", item) for item in items if isinstance(item, dict)
    ]
    says_who = all("role" in turn or "from" in turn for turn in turns)
    return turns if turns and len(turns) == len(items) and says_who else []


def _chat_kind(records: Sequence[Record], column: str) -> Format:
    for record in records:
        value = record.values.get(column)
        if isinstance(value, str) and '"from"' in value and '"role"' not in value:
            return "sharegpt"
        turns = _turns(value)
        if turns:
            return "sharegpt" if "from" in turns[0] else "messages"
    return "sharegpt" if column.casefold() == "conversations" else "messages"


def _preference(
    records: Sequence[Record], columns: tuple[str, ...], chats: str, chosen: str
) -> Layout:
    note = (
        "These are preference pairs. The preferred answers are learnt; the rejected ones"
        " are not used."
    )
    extra = _optional(columns)
    if chats:
        kind = _chat_kind(records, chats)
        roles = {"messages": chats, "completion": chosen}
        return Layout(format=kind, columns={**roles, **extra}, notes=(note,))
    prompt = _first(_PROMPTS, [name for name in columns if name != chosen])
    if prompt:
        roles = {"prompt": prompt, "completion": chosen}
        kind = "prompt-completion"
        return Layout(format=kind, columns={**roles, **extra}, notes=(note,))
    kind = _chat_kind(records, chosen)
    return Layout(format=kind, columns={"messages": chosen, **extra}, notes=(note,))


def _good_mark(records: Sequence[Record], columns: Sequence[str]) -> str:
    """Return the column that says with true or false whether an answer is good."""
    column = _first(_GOOD_MARKS, columns)
    values = [record.values[column] for record in records if column in record.values]
    answered = any(_pair(columns)) or any(name in columns for name in _MESSAGES)
    if values and answered and all(is_mark(value) for value in values):
        return column
    return ""


def is_mark(value: object) -> bool:
    """Return whether `value` says true or false."""
    return isinstance(value, bool) or (
        isinstance(value, str) and value.strip().lower() in {"true", "false"}
    )


def _unpaired_note(column: str) -> str:
    return (
        f"The column “{column}” marks good and bad answers. Rows marked false are not"
        " learnt from."
    )


def _mapped(
    mapping: Mapping[str, str], columns: tuple[str, ...], told: DataFormat, file: str
) -> Layout:
    roles = {role.strip(): name for role, name in mapping.items() if name}
    for role in roles:
        if role not in MAPPABLE_ROLES:
            raise DatasetError(
                "dataset.unknown_role",
                f"“{role}” is no role a column can have.",
                hint=f"Use {', '.join(MAPPABLE_ROLES)}.",
            )
    for column in roles.values():
        if column not in columns:
            raise _no_column(column, columns, file)
    format_ = _format_of_roles(roles, told)
    if format_ is None:
        raise DatasetError(
            "dataset.mapping_incomplete",
            "The mapping does not say where the answers are.",
            hint="Map prompt and completion, or messages, or text.",
        )
    return Layout(format=format_, columns=roles)


def _format_of_roles(roles: Mapping[str, str], told: DataFormat) -> Format | None:
    if "messages" in roles:
        return "sharegpt" if told == "sharegpt" else "messages"
    if "prompt" in roles and "completion" in roles:
        return "alpaca" if told == "alpaca" else "prompt-completion"
    return "text" if "text" in roles else None


def _as_told(told: DataFormat, columns: tuple[str, ...], file: str) -> Layout:
    """Return the layout of a format that was named though the columns suggest another."""
    wanted: dict[str, str] = {}
    if told in {"messages", "sharegpt"}:
        wanted["messages"] = _first(_MESSAGES, columns)
    elif told == "text":
        wanted["text"] = _first(_TEXTS, columns)
    else:
        wanted["prompt"], wanted["completion"] = _pair(columns)
    missing = [role for role, column in wanted.items() if not column]
    if missing:
        raise DatasetError(
            "dataset.column_missing",
            f"Nothing in this file looks like {' or '.join(missing)} of the format"
            f" {told}. It has the columns {_listed(columns)}.",
            hint=_how_to_map(columns),
            where=Where(file=file),
        )
    return Layout(format=cast("Format", told), columns={**wanted, **_optional(columns)})


def _no_column(column: str, columns: tuple[str, ...], file: str) -> DatasetError:
    near = difflib.get_close_matches(column, columns, 1, 0.5)
    listed = f"The columns are {_listed(columns)}."
    return DatasetError(
        "dataset.column_missing",
        f"There is no column “{column}”. {listed}",
        hint=f"Did you mean “{near[0]}”?" if near else "Choose one of these.",
        where=Where(file=file),
    )


def _unknown(columns: tuple[str, ...], file: str) -> DatasetError:
    return DatasetError(
        "dataset.format_unknown",
        f"The format is not one Tunesmith knows. The columns are {_listed(columns)}.",
        hint=_how_to_map(columns),
        where=Where(file=file),
    )


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(f"“{name[:40]}”" for name in columns[:12])
    return f"{shown} and {len(columns) - 12} more" if len(columns) > 12 else shown


def _how_to_map(columns: Sequence[str]) -> str:
    if len(columns) < 2:
        return "Say which column holds the text, for example columns = text=NAME."
    return (
        "Say which column is asked and which is answered, for example columns ="
        f" prompt={columns[0][:40]},completion={columns[1][:40]}."
    )
