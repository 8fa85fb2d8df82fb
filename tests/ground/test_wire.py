"""Values as JSON, and only what JSON can say."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from core.wire import known_fields, line, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    name: str
    inner: Inner
    many: tuple[Inner, ...] = ()
    loss: float | None = None


def test_dataclasses_become_objects_without_empty_fields() -> None:
    """A field that is None is not written."""
    value = Outer(name="x", inner=Inner(), many=(Inner(size=1),))

    assert {"name": "x", "inner": {}, "many": [{"size": 1}]} == to_json(value)


def test_no_number_is_written_as_null() -> None:
    """JSON has no NaN; a line with one would be unreadable to others."""
    text = line(Outer(name="x", inner=Inner(), loss=math.nan))

    assert json.loads(text)["loss"] is None
    assert [None, None] == to_json([math.inf, -math.inf])


def test_a_line_is_one_line() -> None:
    """Whatever the text holds."""
    assert "\n" not in line({"text": "a\nb\r\u2028c", "path": Path("/x")})


def test_unknown_keys_are_left_out() -> None:
    """An older program reads a newer file."""
    assert {"size": 3} == known_fields(Inner, {"size": 3, "colour": "blue"})
