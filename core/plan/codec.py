"""A plan to and from TOML, flags and ``key=value``, with every mistake named."""

import difflib
import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Never, cast

import tomli_w

from core import durable
from core.errors import PlanError, Where, reason_of
from core.places import expanded, is_file
from core.plan.fields import BY_FLAG, BY_KEY, FIELDS, PlanField, value_of, with_value
from core.plan.plan import PLAN_VERSION, Plan
from core.wire import to_json


def read_plan(path: Path) -> Plan:
    """Return the plan in a TOML file; relative paths in it count from its folder.

    Raises:
        PlanError: Not there, not TOML, a key nobody knows, a value of the wrong kind.
    """
    where = Where(file=str(path))
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as err:
        raise PlanError(
            "plan.missing",
            f"The plan {path} cannot be read: {reason_of(err)}.",
            hint="Give the path of a plan file; “tunesmith plan new” writes one.",
            where=where,
        ) from err
    except (ValueError, RecursionError) as err:  # or a number of 5,000 digits
        raise PlanError(
            "plan.syntax",
            f"{path.name} is not valid TOML: {err}.",
            hint="Correct that line, or start again with “tunesmith plan new”.",
            where=where,
        ) from err
    plan = from_tree(tree, where=where)
    files = [_absolute(name, path.parent) for name in plan.data.files]
    plan = with_value(plan, "data.files", tuple(files))
    model = path.parent.absolute() / plan.model.id
    # an id such as org/name is a path only where there is such a model
    if plan.model.id and is_file(model / "config.json"):
        return with_value(plan, "model.id", str(model))
    return plan


def _absolute(name: str, folder: Path) -> str:
    return str(folder.absolute() / expanded(name))


def write_plan(path: Path, plan: Plan) -> None:
    """Write `plan` as TOML, whole or not at all."""
    durable.replace_text(path, to_toml(plan))


def to_toml(plan: Plan) -> str:
    """Return the plan file's text."""
    return tomli_w.dumps(to_tree(plan))


def to_tree(plan: Plan) -> dict[str, Any]:
    """Return the plan as nested plain values, sections as in the plan file."""
    return to_json(plan)


def from_tree(tree: Mapping[str, Any], *, where: Where | None = None) -> Plan:
    """Return the plan that nested plain values describe.

    Raises:
        PlanError: A key nobody knows (the nearest is named) or a value of the wrong kind.
    """
    version = tree.get("version", PLAN_VERSION)
    if version != PLAN_VERSION:
        raise PlanError(
            "plan.version",
            f"This plan has version {version}; this Tunesmith reads {PLAN_VERSION}.",
            hint="Update Tunesmith, or write the plan anew with “tunesmith plan new”.",
            where=where,
        )
    plan = Plan()
    for key, value in _flat(tree):
        if key == "version":
            continue
        if key not in BY_KEY:
            _unknown(key, where)
        plan = with_value(plan, key, _coerced(BY_KEY[key], value, where))
    return plan


def _flat(tree: Mapping[str, Any]) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in tree.items():
        if isinstance(value, Mapping) and key not in BY_KEY:
            section = cast("Mapping[str, Any]", value)
            pairs += [(f"{key}.{name}", item) for name, item in section.items()]
        else:
            pairs.append((key, cast("Any", value)))
    return pairs


def _unknown(key: str, where: Where | None) -> Never:
    name = key.rpartition(".")[2]
    names = {field.name: field.key for field in FIELDS}
    near = (
        # a known name under the wrong section is the likeliest slip
        [names[name]]
        if name in names
        else difflib.get_close_matches(key, BY_KEY, 1, 0.7)
        or [names[n] for n in difflib.get_close_matches(name, names, 1, 0.5)]
    )
    full = near[0] if near else ""
    raise PlanError(
        "plan.unknown_key",
        f"A plan has no key “{key}”.",
        hint=f"Did you mean “{full}”?"
        if full
        else "“tunesmith plan new” writes every key there is.",
        where=where,
    )


def parse_value(field: PlanField, text: str) -> Any:
    """Return the value a person means by `text` for `field` (flags, ``--set``).

    Lists are separated by commas, or written as in a plan file: ``["a, b", "c"]``;
    numbers may have a decimal comma.

    Raises:
        PlanError: It is no value for this field.
    """
    match field.type:
        case "integer" | "number":
            return _coerced(field, _number(text), None)
        case "boolean":
            known = {"true": True, "yes": True, "on": True, "1": True}
            known |= {"false": False, "no": False, "off": False, "0": False}
            return _coerced(field, known.get(text.strip().lower(), text), None)
        case "list":
            return _list(field, text)
        case "mapping":
            pairs = [part.partition("=") for part in text.split(",") if part.strip()]
            if not all(separator for _, separator, _ in pairs):
                _wrong(field, text, None)
            return {key.strip(): value.strip() for key, _, value in pairs}
        case "text" | "choice":
            return _coerced(field, text, None)


def _list(field: PlanField, text: str) -> Any:
    if text.lstrip().startswith('["'):
        try:
            return _coerced(field, tomllib.loads(f"list = {text}")["list"], None)
        except tomllib.TOMLDecodeError:
            _wrong(field, text, None)
    parts = [part.strip() for part in text.split(",")]
    return tuple(part for part in parts if part)


def field_named(name: str) -> PlanField:
    """Return the field a person means by ``train.seq_len``, ``seq_len`` or ``seq-len``.

    Raises:
        PlanError: There is none; the nearest is named.
    """
    wanted = name.strip().lstrip("-")
    field = BY_KEY.get(wanted) or BY_FLAG.get(wanted.replace("_", "-"))
    if field is None:
        _unknown(wanted, None)
    return field


def with_settings(plan: Plan, settings: Sequence[str]) -> Plan:
    """Return `plan` after each ``key=value`` of `settings`.

    Raises:
        PlanError: A setting has no “=”, an unknown key, or a value of the wrong kind.
    """
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator:
            raise PlanError(
                "plan.setting",
                f"“{setting}” is not of the form key=value.",
                hint="Write it like --set train.epochs=2.",
            )
        field = field_named(name)
        plan = with_value(plan, field.key, parse_value(field, text))
    return plan


def _number(text: str) -> float | int | str:
    cleaned = text.strip().replace(",", ".")
    try:
        number = float(cleaned)
    except ValueError:
        return text
    if not math.isfinite(number):
        return text
    return int(number) if number.is_integer() and "e" not in cleaned else number


def _coerced(field: PlanField, value: Any, where: Where | None) -> Any:
    if field.type == "boolean" and isinstance(value, bool):
        return value
    if field.type == "integer" and type(value) in {int, float} and value == int(value):
        return int(value)
    if field.type == "number" and type(value) in {int, float} and math.isfinite(value):
        return float(value)
    if field.type == "choice" and value in field.choices:
        return value
    if field.type == "text" and isinstance(value, str):
        return value
    if field.type == "list":
        return _strings(field, value, where)
    if field.type == "mapping" and isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value)
        return {str(key): str(item) for key, item in items.items()}
    return _wrong(field, value, where)


def _strings(field: PlanField, value: Any, where: Where | None) -> tuple[str, ...]:
    given = cast("list[Any] | None", value if isinstance(value, list) else None)
    found = [value] if isinstance(value, str) else given
    if found is None or not all(isinstance(x, str) for x in found):
        _wrong(field, value, where)
    return tuple(found)


def _wrong(field: PlanField, value: Any, where: Where | None) -> Never:
    wanted = {
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "choice": "one of " + ", ".join(field.choices),
        "text": "text",
        "list": "a list of texts",
        "mapping": "pairs of role and column",
    }[field.type]
    raise PlanError(
        "plan.value",
        f"{field.key} cannot be {value!r}; it must be {wanted}.",
        hint=f"{field.explanation.what} The default is {value_of(Plan(), field.key)!r}.",
        where=where,
    )
