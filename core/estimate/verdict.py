"""Fits, tight, or not: the estimate judged against what is free, in one sentence."""

from core.estimate.answer import Verdict
from core.hardware.budget import DeviceBudget
from core.units import bytes_text

# The upper bound must leave this share of the free memory for it to be called "fits".
_COMFORT = 0.06


def judge(
    *, process: int, high: int, budget: DeviceBudget, known: bool
) -> tuple[Verdict, str]:
    """Return the verdict and its reason with the numbers behind it.

    ``fits`` and ``tight`` both mean that even the upper bound is free; a run that could
    fail is never called either, so an unknown architecture never is.
    """
    need, free = bytes_text(process), bytes_text(budget.free)
    where = budget.name
    if not known and process <= budget.free:
        return "unknown", (
            f"This architecture is unknown here: between {need} and {bytes_text(high)},"
            f" and {free} are free on {where}. A dry run tells exactly."
        )
    if high <= budget.free * (1 - _COMFORT):
        left = bytes_text(budget.free - process)
        return (
            "fits",
            f"It needs about {need} of the {free} free on {where}; {left} stay.",
        )
    if high <= budget.free:
        return "tight", (
            f"It needs {need}, at most {bytes_text(high)}, of the {free} free on {where}."
        )
    others = sum(process.used or 0 for process in budget.processes)
    if others and high <= budget.free + others:
        names = _holders(budget)
        return "fits-if-closed", (
            f"It needs up to {bytes_text(high)} and {free} are free on {where}; closing"
            f" {names} frees {bytes_text(others)}."
        )
    if process <= budget.free:
        return "too-large", (
            f"It needs {need} and may need {bytes_text(high)}; {free} are free on"
            f" {where}, too little to be safe."
        )
    return "too-large", f"It needs about {need} and {free} are free on {where}."


def _holders(budget: DeviceBudget) -> str:
    held = sorted(budget.processes, key=lambda process: -(process.used or 0))
    named = [
        f"{process.name} ({bytes_text(process.used)})"
        for process in held
        if process.used
    ]
    return " and ".join(named[:3])
