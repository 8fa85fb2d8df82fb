"""Fits, tight, or not: the estimate judged against what is free, in one sentence."""

from core.estimate.answer import Verdict
from core.hardware.budget import DeviceBudget
from core.hardware.gpu import GpuProcess
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
    closable = _to_close(budget, high - budget.free)
    if closable:
        freed = bytes_text(sum(process.used or 0 for process in closable))
        return "fits-if-closed", (
            f"It needs up to {bytes_text(high)} and {free} are free on {where};"
            f" {_closing(closable)} frees {freed}."
        )
    perhaps = _perhaps(budget, high)
    if process <= budget.free:
        return "too-large", (
            f"It needs {need} and may need {bytes_text(high)}; {free} are free on"
            f" {where}, too little to be safe.{perhaps}"
        )
    return "too-large", (
        f"It needs about {need} and {free} are free on {where}.{perhaps}"
    )


def _perhaps(budget: DeviceBudget, high: int) -> str:
    """Return who else may hold what is missing, where the driver does not count it."""
    names = [p.name for p in budget.processes if p.used is None and p.role != "desktop"]
    if not names or high > budget.total:
        return ""
    some = _listed(list(dict.fromkeys(names))[:3])
    return f" Also on the card: {some}; how much they hold, this system does not tell."


def _to_close(budget: DeviceBudget, missing: int) -> list[GpuProcess]:
    """Return the fewest programs that hold `missing` bytes together; [] if none do.

    What draws the screen cannot be closed, and what the driver does not count cannot be
    promised.
    """
    held = [p for p in budget.processes if p.used and p.role != "desktop"]
    held.sort(key=lambda process: -(process.used or 0))
    chosen: list[GpuProcess] = []
    for process in held:
        if missing <= 0:
            break
        chosen.append(process)
        missing -= process.used or 0
    return chosen if missing <= 0 else []


def _closing(processes: list[GpuProcess]) -> str:
    """Return ``pausing Tunesmith's run a (2 GiB) and closing firefox (1 GiB)``."""
    parts: list[str] = []
    for verb, runs in (("pausing", True), ("closing", False)):
        named = [
            f"{process.name} ({bytes_text(process.used or 0)})"
            for process in processes
            if (process.role == "run") == runs
        ]
        if named:
            parts.append(f"{verb} {_listed(named)}")
    return " and ".join(parts)


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
