"""``estimate --for``: what chat, evaluation, merging and export take."""

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.cli.request import Request
from core.cli.table import pairs, table
from core.errors import RequestError
from core.estimate.answer import Components
from core.estimate.explain import Formula
from core.estimate.uses.price import UseEstimate, use_estimate
from core.hardware.budget import DeviceBudget
from core.hardware.machine import machine
from core.models.shape import ModelShape
from core.plan.plan import Plan
from core.units import bytes_text
from core.wire import to_json

_LONGEST = 1 << 24
_MOST = 1024
_PLACES = {"device": "Device", "host": "Main memory", "disk": "Disk"}


def answer_use(
    request: Request, plan: Plan, shape: ModelShape, budget: DeviceBudget
) -> int:
    """Answer what the use named by ``--for`` takes, and whether it fits."""
    arguments = request.arguments
    found = use_estimate(
        arguments.use,
        plan,
        shape,
        budget,
        context=_within("context", arguments.context, 1, _LONGEST),
        answers=_within("answers", arguments.answers, 1, _MOST),
        adapters=_within("adapters", arguments.adapters, 0, _MOST),
        export_format=arguments.export_format,
        host_free=machine().memory_free,
        disk_free=_free_disk(request.places.home),
    )
    request.console.answer(
        {**to_json(found), "fits": found.fits, "on": budget.name},
        _text(found, budget, formulas=bool(request.get("explain"))),
    )
    return 0


def formulas_document(formulas: Mapping[str, Formula]) -> dict[str, Any]:
    """Return the formulas as the answer's ``formulas``."""
    return {name: asdict(formula) for name, formula in formulas.items()}


def formulas_text(parts: Components, formulas: Mapping[str, Formula]) -> str:
    """Return a table of every component that takes room, and how it comes about."""
    rows = [
        (name.capitalize(), bytes_text(getattr(parts, name)), formula.numbers)
        for name, formula in formulas.items()
        if getattr(parts, name)
    ]
    words = [
        (name.capitalize(), formula.words)
        for name, formula in formulas.items()
        if getattr(parts, name)
    ]
    return f"{table(('COMPONENT', 'SIZE', 'FORMULA'), rows)}\n\n{pairs(words)}"


def _within(name: str, value: int, low: int, high: int) -> int:
    if low <= value <= high:
        return value
    raise RequestError(
        "usage.value",
        f"--{name} cannot be {value}; it must lie between {low:,} and {high:,}.",
        hint=f"“tunesmith estimate --help” says what --{name} means.",
    )


def _free_disk(folder: Path) -> int | None:
    """Return the free bytes where Tunesmith writes; None if nobody can tell."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue  # not made yet
    return None


def _text(found: UseEstimate, budget: DeviceBudget, *, formulas: bool) -> str:
    figures = [
        ("On", budget.name if found.device else "this computer, without the card"),
        ("Device", bytes_text(found.device) if found.device else ""),
        ("Main memory", bytes_text(found.host) if found.host else ""),
        ("Disk", bytes_text(found.disk) if found.disk else ""),
        ("Between", f"{bytes_text(found.low)} – {bytes_text(found.high)}"),
    ]
    head = ("PART", "WHERE", "SIZE", "FORMULA")[: 4 if formulas else 3]
    rows = [
        (part.name, _PLACES[part.where], bytes_text(part.size), part.formula)
        for part in found.parts
    ]
    shown = table(head, [row[: len(head)] for row in rows])
    return "\n\n".join((found.reason, pairs(figures), shown))
