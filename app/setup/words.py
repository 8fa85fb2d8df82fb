"""Small pieces of text the five steps share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.setup.state import Work
from core.estimate.answer import MemoryEstimate, Verdict
from core.estimate.uses.price import UseEstimate
from core.plan.plan import MethodKind
from core.units import bytes_text, duration_text

if TYPE_CHECKING:
    from app.theme.tokens import Tone

METHOD_NAMES: Final[dict[MethodKind, str]] = {
    "lora": "LoRA",
    "qlora": "QLoRA",
    "lora8": "8-bit LoRA",
    "full": "Full fine-tuning",
}
METHOD_BITS: Final[dict[MethodKind, str]] = {
    "lora": "base as it is",
    "qlora": "base in 4 bit",
    "lora8": "base in 8 bit",
    "full": "every weight is trained",
}
TRAINABLE: Final[tuple[MethodKind, ...]] = ("lora", "qlora")
"""What the engine trains; the others can only be estimated."""

_VERDICTS: Final[dict[Verdict, tuple[str, Tone]]] = {
    "fits": ("fits", "good"),
    "tight": ("tight", "warn"),
    "too-large": ("too large", "bad"),
    "fits-if-closed": ("fits once others close", "warn"),
    "unknown": ("unknown", "neutral"),
}


def verdict_words(estimate: MemoryEstimate | UseEstimate) -> tuple[str, Tone]:
    """Return the verdict in a word or two, and its tone."""
    return _VERDICTS[estimate.verdict]


def fraction_of(work: Work) -> float | None:
    """Return how far `work` is, 0 to 1; None where nobody knows."""
    if not work.total:
        return None
    return min(1.0, work.done / work.total)


def work_detail(work: Work) -> str:
    """Return how far, how fast and how long still: ``312 MiB of 988 MiB · 41 MiB/s``."""
    if not work.total:
        return ""
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


def plural(count: int, one: str, many: str = "") -> str:
    """Return ``1 row``, ``12 rows``, ``1,200 rows``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def joined(*parts: str) -> str:
    """Return the parts that say something, separated by middle dots."""
    return " · ".join(part for part in parts if part)
