"""The plan's keys as flags: ``--rank 16 --target-modules q_proj,v_proj --no-double-quant``.

They come from the one table of fields, so a new key is a new flag by itself. Values are
read by the plan's own codec, so that a flag and a plan file refuse the same things.
"""

import argparse
from typing import Any, cast

from core.errors import PlanError
from core.plan.codec import parse_value
from core.plan.fields import FIELDS, PlanField, limit_text, with_value
from core.plan.plan import Plan

_PREFIX = "plan:"
# These have an option of their own, or make no sense before there is data.
_ELSEWHERE = {"model.id", "data.files"}


def add_plan_flags(parser: argparse.ArgumentParser, *, with_data: bool = False) -> None:
    """Add one flag for each key of method and training, and of data if asked."""
    parser.usage = f"{parser.prog} [options] [plan options]"
    group = parser.add_argument_group(
        "plan options", "the plan's keys; the default stands in brackets"
    )
    for field in FIELDS:
        if field.key in _ELSEWHERE or (_is_data(field) and not with_data):
            continue
        dest = f"{_PREFIX}{field.key}"
        words = _words(field)
        names = ["--method", "--kind"] if field.key == "method.kind" else []
        names = names or [f"--{field.flag}"]
        if field.type == "boolean":
            group.add_argument(
                *names, action=argparse.BooleanOptionalAction, dest=dest, help=words
            )
        else:
            group.add_argument(*names, dest=dest, metavar=_sign(field), help=words)


def plan_with_flags(plan: Plan, arguments: argparse.Namespace) -> Plan:
    """Return `plan` with every flag that was given.

    Raises:
        PlanError: A value is of the wrong kind, or beyond what its key allows.
    """
    for field in FIELDS:
        given = getattr(arguments, f"{_PREFIX}{field.key}", None)
        if given is not None:
            value = given if isinstance(given, bool) else flag_value(field, given)
            plan = with_value(plan, field.key, value)
    return plan


def flag_value(field: PlanField, given: str) -> Any:
    """Return what the text of a flag means for its key.

    Raises:
        PlanError: It is of the wrong kind, or beyond what the key allows.
    """
    value = parse_value(field, given)
    _require_within(field, value)
    return value


def given_keys(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return the dotted keys whose flags were given."""
    return tuple(
        field.key
        for field in FIELDS
        if getattr(arguments, f"{_PREFIX}{field.key}", None) is not None
    )


def _require_within(field: PlanField, value: Any) -> None:
    if field.low is None or field.high is None or field.low <= value <= field.high:
        return
    raise PlanError(
        "plan.value",
        f"--{field.flag} cannot be {value}; it must lie between"
        f" {limit_text(field.low)} and {limit_text(field.high)}.",
        hint=field.explanation.what,
    )


def _words(field: PlanField) -> str:
    default = field.default
    if isinstance(default, bool):
        default = "on" if default else "off"
    if isinstance(default, tuple):
        default = ",".join(str(item) for item in cast("tuple[Any, ...]", default))
    shown = f" [{default}]" if default not in ("", {}) else ""
    return f"{field.explanation.what}{shown}".replace("%", "%%")


def _is_data(field: PlanField) -> bool:
    return field.key.startswith("data.") or field.key == "name"


def _sign(field: PlanField) -> str:
    if field.type == "choice":
        return "|".join(field.choices)
    return {"integer": "N", "number": "X", "list": "A,B", "mapping": "A=B"}.get(
        field.type, "TEXT"
    )
