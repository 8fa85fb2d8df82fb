"""One frozen dataclass, one JSON object, both ways.

Fields that are `None` stay out of the JSON. A reader ignores keys it does not know, so
that an older program can read a newer file.
"""

import dataclasses
import functools
import json
import math
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar, cast

_T = TypeVar("_T")
_SCALARS = (bool, int, float, str, types.NoneType)


def to_json(value: Any) -> Any:
    """Return `value` as what `json` can write: dataclasses become objects, deeply.

    A float that is not finite becomes null: JSON has no NaN.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {name: to_json(item) for name, item in pairs if item is not None}
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value)
        return {str(key): to_json(item) for key, item in items.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        many = cast("Iterable[Any]", value)
        return [to_json(item) for item in many]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def line(value: Any) -> str:
    """Return `value` as one line of JSON, without the line's end."""
    return json.dumps(to_json(value), ensure_ascii=False, allow_nan=False)


def known_fields(cls: type[Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return those items of `found` that are fields of the dataclass `cls`."""
    names = {field.name for field in dataclasses.fields(cls) if field.init}
    return {key: item for key, item in found.items() if key in names}


def from_json(cls: type[_T], found: Mapping[str, Any]) -> _T:
    """Return the dataclass `cls` with those items of `found` that it knows.

    Raises:
        TypeError: A field is missing, or a number, text or word is of another kind than
            the class says: the file was damaged, or written by another version.
    """
    known: dict[str, Any] = {}
    for name, allowed in _kinds(cls).items():
        if name not in found:
            continue
        value = found[name]
        if allowed is not None and not allowed.holds(value):
            raise TypeError(f"{cls.__name__}.{name} cannot be {value!r}")
        known[name] = value
    return cls(**known)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """What one field may hold: values of these exact types, or these words alone."""

    types: frozenset[type]
    words: frozenset[Any] | None = None

    def holds(self, value: Any) -> bool:
        kind = cast("type[Any]", type(value))  # exact: True is no number here
        if kind not in self.types:
            return False
        if kind is float and not math.isfinite(value):
            return False
        return self.words is None or value is None or value in self.words


@functools.cache
def _kinds(cls: type[Any]) -> dict[str, _Kind | None]:
    """Return what each field of `cls` may hold; None for what is not simple."""
    hints = typing.get_type_hints(cls)
    return {f.name: _kind(hints[f.name]) for f in dataclasses.fields(cls) if f.init}


def _kind(hint: Any) -> _Kind | None:
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    parts: tuple[Any, ...] = typing.get_args(hint) if union else (hint,)
    allowed: set[type] = set()
    words: frozenset[Any] | None = None
    for part in parts:
        if typing.get_origin(part) is Literal:
            words = frozenset(typing.get_args(part))
            allowed |= {type(word) for word in words}
        elif part in _SCALARS:
            # JSON writes a round number without its point
            allowed |= {int, float} if part is float else {part}
        else:
            return None
    return _Kind(types=frozenset(allowed), words=words)
