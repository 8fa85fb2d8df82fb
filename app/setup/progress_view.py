"""Work under way as a line of progress: what, how far, how fast, how long still."""

from __future__ import annotations

from dataclasses import dataclass

from app.setup.state import Pause, Work
from core.units import bytes_text, duration_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A line of progress, ready to read."""

    what: str
    fraction: float | None
    detail: str
    pause: Pause = "cannot"


def progress_of(work: Work | None) -> Progress | None:
    """Return `work` as a line of progress."""
    if work is None:
        return None
    return Progress(
        what=work.what,
        fraction=_fraction(work),
        detail=_detail(work),
        pause=work.pause,
    )


def _fraction(work: Work) -> float | None:
    """Return how far `work` is, 0 to 1; None where nobody knows."""
    if not work.total:
        return None
    return min(1.0, work.done / work.total)


def _detail(work: Work) -> str:
    """Return how far, how fast and how long still: ``312 MiB of 988 MiB · 41 MiB/s``."""
    if not work.total:
        return ""
    if work.unit == "%":
        return f"{work.done:.0f} %"
    if work.unit == "step":
        return f"step {min(work.done + 1, work.total):.0f} of {work.total:.0f}"
    amount = _amount(work.done, work.unit)
    parts = [f"{amount} of {_amount(work.total, work.unit)}"]
    if work.pause == "paused":
        parts.append("paused")
    elif work.per_s:
        if work.unit == "bytes":
            parts.append(f"{bytes_text(work.per_s)}/s")
        left_s = (work.total - work.done) / work.per_s
        parts.append(f"{duration_text(left_s)} left")
    return " · ".join(parts)


def _amount(value: float, unit: str) -> str:
    if unit == "bytes":
        return bytes_text(value)
    return f"{value:,.0f} {unit}".strip()
