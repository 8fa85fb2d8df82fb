"""One frozen dataclass, one JSON object, both ways.

Fields that are `None` stay out of the JSON. A reader ignores keys it does not know, so
that an older program can read a newer file.
"""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, cast


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
