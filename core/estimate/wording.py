"""Formulas in words: terms that add up, and what is left between them and a figure."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.units import bytes_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One summand."""

    text: str
    """``2 B × 1,235,814,400``."""
    size: int


def together(count: int, thing: str) -> str:
    """Return ``1 adapter`` or ``3 adapters``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def summed(terms: Sequence[Term], total: int, *, rest: str) -> str:
    """Return ``a + b = 1.20 GiB``; what the terms leave open is called `rest`.

    Left out where it does not show in the digits of the sum.
    """
    shown = [term for term in terms if term.size]
    left = total - sum(term.size for term in shown)
    parts = " + ".join(term.text for term in shown)
    if left and not (parts and bytes_text(total - left) == bytes_text(total)):
        sign = "+" if left > 0 else "−"
        joined = f"{parts} {sign} " if parts else ("" if left > 0 else "− ")
        parts = f"{joined}{bytes_text(abs(left))} {rest}"
    return f"{parts} = {bytes_text(total)}" if parts else bytes_text(total)
