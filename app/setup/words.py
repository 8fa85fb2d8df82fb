"""Small pieces of text the five steps share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from core.estimate.answer import MemoryEstimate, Verdict
from core.estimate.uses.price import UseEstimate
from core.plan.plan import MethodKind

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


def plural(count: int, one: str, many: str = "") -> str:
    """Return ``1 row``, ``12 rows``, ``1,200 rows``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def joined(*parts: str) -> str:
    """Return the parts that say something, separated by middle dots."""
    return " · ".join(part for part in parts if part)
