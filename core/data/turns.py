"""Conversations as people write them become turns: OpenAI's, ShareGPT's, tool calls."""

import json
from collections.abc import Mapping
from typing import cast

from core.data.records import Number, has_surrogate
from core.data.rows import Message, Role

_ROLES: Mapping[str, Role] = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "model": "assistant",
    "bot": "assistant", "chatgpt": "assistant", "ai": "assistant", "bing": "assistant",
    "function_call": "assistant",
    "tool": "tool", "observation": "tool", "function": "tool", "function_response": "tool",
    "ipython": "tool",
}  # fmt: skip


class BadRow(Exception):
    """Why a row cannot be used; never leaves this package."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def is_conversation(value: object) -> bool:
    """Return whether `value` is a turn, or a list that begins with one."""
    first = value
    if isinstance(value, list):
        items = cast("list[object]", value)
        first = items[0] if items else None
    return isinstance(first, dict) and ("role" in first or "from" in first)


def conversation(value: object) -> list[Message]:
    """Return the turns of a list of ``{role, content}`` or ``{from, value}``."""
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
        value = _parsed(value)
    if isinstance(value, dict):
        value = [cast("object", value)]
    if not isinstance(value, list):
        raise BadRow("dataset.row_wrong_type", "The conversation is no list of turns.")
    items = cast("list[object]", value)
    if not items:
        raise BadRow("dataset.row_empty", "The conversation has no turns.")
    return [_turn(item, number) for number, item in enumerate(items, start=1)]


def _parsed(text: str) -> object:
    try:
        return json.loads(text, parse_int=Number, parse_float=Number)
    except (ValueError, RecursionError) as err:
        message = "The conversation looks like JSON but is broken."
        raise BadRow("dataset.row_syntax", message) from err


def _turn(item: object, number: int) -> Message:
    if not isinstance(item, dict):
        raise BadRow("dataset.row_wrong_type", f"Turn {number} is no object.")
    turn = cast("dict[str, object]", item)
    who = next((turn[key] for key in ("role", "from") if key in turn), None)
    if not isinstance(who, str):
        raise BadRow(
            "dataset.row_unknown_role", f"Turn {number} does not say who speaks."
        )
    role = _ROLES.get(who.strip().lower())
    if role is None:
        known = "system, user, assistant or tool"
        message = f"Turn {number} is spoken by “{who[:40]}”; use {known}."
        raise BadRow("dataset.row_unknown_role", message)
    content = next((turn[key] for key in ("content", "value") if key in turn), None)
    text = _content(content, number)
    if who.strip().lower() == "function_call":
        text = _call_text(text)
    text = "\n".join(part for part in (text, *_calls(turn.get("tool_calls"))) if part)
    if not text.strip() and role != "tool":
        missing = (
            "dataset.row_no_answer" if role == "assistant" else "dataset.row_empty_turn"
        )
        raise BadRow(missing, f"Turn {number} ({who}) is empty.")
    return Message(role=role, content=whole(text))


def _content(value: object, number: int) -> str:
    """Return a turn's words; OpenAI's list of parts is joined if all of it is text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    texts: list[str] = []
    parts = cast("list[object]", value) if isinstance(value, list) else [value]
    for part in parts:
        held = cast("dict[str, object]", part) if isinstance(part, dict) else {}
        text = held.get("text")
        if not isinstance(text, str):
            message = f"Turn {number} holds something that is not text."
            raise BadRow("dataset.row_wrong_type", message)
        texts.append(text)
    return "\n".join(texts)


def _calls(value: object) -> list[str]:
    """Return each tool call as Hermes and Qwen write it, tags around JSON."""
    calls = cast("list[object]", value) if isinstance(value, list) else []
    texts: list[str] = []
    for call in calls:
        held = cast("dict[str, object]", call) if isinstance(call, dict) else {}
        function = held.get("function", held)
        if not isinstance(function, dict):
            raise BadRow("dataset.row_wrong_type", "A tool call has no function.")
        named = cast("dict[str, object]", function)
        arguments = named.get("arguments", {})
        if isinstance(arguments, str):
            arguments = _parsed_or_text(arguments)
        call_json = {"name": named.get("name", ""), "arguments": arguments}
        texts.append(_call_text(dumped(call_json)))
    return texts


def _parsed_or_text(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _call_text(call: str) -> str:
    return f"<tool_call>\n{call.strip()}\n</tool_call>"


def merged_calls(turns: list[Message]) -> list[Message]:
    """Return `turns` with tool calls joined to the words before them, results too.

    Templates want the roles to alternate.
    """
    merged: list[Message] = []
    for turn in turns:
        last = merged[-1] if merged else None
        calls = turn.role == "assistant" and turn.content.startswith("<tool_call>")
        if last and last.role == turn.role and (calls or turn.role == "tool"):
            both = f"{last.content}\n{turn.content}"
            merged[-1] = Message(role=turn.role, content=both)
        else:
            merged.append(turn)
    return merged


def dumped(value: object) -> str:
    """Return `value` as JSON, numbers spelt as in the file."""
    return json.dumps(_with_numbers(value), ensure_ascii=False, default=str)


def _with_numbers(value: object) -> object:
    """Return `value` with numbers as numbers again, for writing JSON."""
    if isinstance(value, Number):
        return _parsed_or_text(value)
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value)
        return {key: _with_numbers(item) for key, item in pairs.items()}
    if isinstance(value, list):
        return [_with_numbers(item) for item in cast("list[object]", value)]
    return value


def whole(text: str) -> str:
    """Return `text` if each of its characters is whole."""
    if has_surrogate(text):
        message = "The row holds broken characters (bytes of another encoding)."
        raise BadRow("dataset.row_encoding", message)
    return text
