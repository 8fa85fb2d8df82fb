"""An estimate part by part, each with its colour, its share and its formula."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from core.estimate.answer import Components, MemoryEstimate
from core.estimate.explain import Formula
from core.units import bytes_text

PART_WORDS: Final[dict[str, tuple[str, str]]] = {
    "weights": ("Weights", "The base model itself, frozen."),
    "quantization": ("Quantisation", "The scales of the packed blocks."),
    "adapter": ("Adapter", "What is trained. Grows with rank and targets."),
    "gradients": ("Gradients", "One number for each trained weight."),
    "optimizer": ("Optimiser", "AdamW keeps two numbers for each trained weight."),
    "activations": (
        "Activations",
        "Kept for the way back. Grow with batch and length.",
    ),
    "logits": ("Logits", "A score for each word of the vocabulary, chunk by chunk."),
    "workspace": ("Workspace", "Unpacked weights, libraries, rounding."),
    "context": ("Driver", "The driver's own share."),
}
_COLOURS: Final = (
    "weights", "adapter", "gradients", "optimizer", "activations", "logits",
    "workspace", "context",
)  # fmt: skip
"""Each part keeps its colour, whichever parts are there as a slider moves."""
_BESIDE: Final = {"quantization": "weights"}
"""Counted with another part in the bar: eight colours are told apart, nine are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """One line of the table; `series` numbers its colour in the bar."""

    name: str
    size: str
    share: str = ""
    what: str = ""
    tip: str = ""
    series: int | None = None


def part_sizes(parts: Components) -> list[tuple[str, int]]:
    """Return the components that hold memory, by their field's name."""
    sized = [(item.name, int(getattr(parts, item.name))) for item in fields(parts)]
    return [(name, size) for name, size in sized if size > 0]


def series_of(name: str) -> int:
    """Return the number of the colour of the component `name`."""
    return _COLOURS.index(_BESIDE.get(name, name))


def present_parts(
    estimate: MemoryEstimate | None, formulas: Mapping[str, Formula]
) -> tuple[PartRow, ...]:
    """Return a row for each component, then the sum and its bounds.

    Args:
        estimate: What is shown, if anything is.
        formulas: How the components come about, as far as that was worked out.
    """
    if estimate is None:
        return ()
    whole = max(1, estimate.process)
    rows = [
        PartRow(
            name=PART_WORDS[name][0],
            size=bytes_text(size),
            share=f"{size / whole * 100:.0f} %" if size >= whole / 200 else "<1 %",
            what=PART_WORDS[name][1],
            tip=_tip(name, formulas.get(name)),
            series=series_of(name),
        )
        for name, size in part_sizes(estimate.components)
    ]
    span = f"{bytes_text(estimate.low)} and {bytes_text(estimate.high)}"
    return (
        *rows,
        PartRow(
            name="Together",
            size=bytes_text(estimate.process),
            share="100 %",
            what=f"At the peak; likely between {span}.",
            tip=f"The sum of all parts; likely between {span}.",
        ),
    )


def _tip(name: str, formula: Formula | None) -> str:
    what = PART_WORDS[name][1]
    if formula is None:
        return what
    return "\n".join(part for part in (what, formula.words, formula.numbers) if part)
