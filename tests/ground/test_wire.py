"""Values as JSON, and only what JSON can say."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from core.wire import from_json, known_fields, line, to_json


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    step: int
    loss: float | None = None
    word: Literal["a", "b"] = "a"
    name: str = ""
    flag: bool = False
    more: tuple[int, ...] = ()


def test_what_fits_the_class_is_read() -> None:
    """Whole numbers are floats, too; unknown keys are left out."""
    found = from_json(Typed, {"step": 1, "loss": 2, "word": "b", "new": 1, "more": [1]})

    assert Typed(step=1, loss=2, word="b", more=[1]) == found  # type: ignore[arg-type]
    assert Typed(step=1) == from_json(Typed, {"step": 1, "loss": None})


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"step": "1"},
        {"step": 1.5},
        {"step": True},
        {"step": None},
        {"step": 1, "loss": "nan"},
        {"step": 1, "loss": math.inf},
        {"step": 1, "word": "c"},
        {"step": 1, "word": ["a"]},
        {"step": 1, "name": 3},
        {"step": 1, "flag": 1},
    ],
)
def test_what_does_not_fit_the_class_is_refused(odd: dict[str, Any]) -> None:
    """A damaged file must not become a value that breaks its reader later."""
    with pytest.raises(TypeError):
        from_json(Typed, odd)
