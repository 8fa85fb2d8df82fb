"""Predicted beside measured memory of one run, decided for the eye. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

from app.theme.tokens import Tone
from core.runs.compared import Compared
from core.units import bytes_text


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBarView:
    """One bar: its parts by name in bytes, and the bounds that were said."""

    label: str
    parts: tuple[tuple[str, int], ...]
    low_bytes: int = 0
    high_bytes: int = 0
    verdict: str = ""
    tone: Tone = "neutral"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryView:
    """What was said, what was measured, and what to think of it."""

    text: str
    note: str
    bars: tuple[MemoryBarView, ...]


def memory_view(found: Compared) -> MemoryView:
    """Return the card of a run whose memory was both predicted and measured."""
    verdict, tone = _verdict(found)
    whole = found.low is not None and found.high is not None and found.is_whole
    return MemoryView(
        text=" ".join(f"{said}." for said in (found.text, found.process_text) if said),
        note=found.note,
        bars=(
            MemoryBarView(
                label="Predicted",
                parts=tuple((part.name, part.predicted) for part in found.parts),
                low_bytes=(found.low or 0) if whole else 0,
                high_bytes=(found.high or 0) if whole else 0,
            ),
            MemoryBarView(
                label="Measured",
                parts=tuple((part.name, part.measured) for part in found.parts),
                verdict=verdict,
                tone=tone,
            ),
        ),
    )


def _verdict(found: Compared) -> tuple[str, Tone]:
    if not found.is_complete:
        return "memory ran out here", "bad"
    if found.is_inside is None or found.low is None or found.high is None:
        return "", "neutral"
    said = f"{bytes_text(found.low)} to {bytes_text(found.high)}"
    if found.is_inside:
        return f"within the {said} that were said", "good"
    side = "above" if found.measured_process > found.high else "below"
    return f"{side} the {said} that were said", "warn"
