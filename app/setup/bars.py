"""A method's bar, as it is shown, handed to the widget that paints it."""

from __future__ import annotations

from app.setup.fit_view import BarRow
from app.widgets.memory_bar import MemoryPart, MemoryRow


def memory_row(item: BarRow) -> MemoryRow:
    """Return `item` as the widget takes it."""
    return MemoryRow(
        label=item.label,
        parts=tuple(
            MemoryPart(
                name=part.name,
                size_bytes=part.size_bytes,
                tip=part.tip,
                series=part.series,
            )
            for part in item.parts
        ),
        low_bytes=item.low_bytes,
        high_bytes=item.high_bytes,
        verdict=item.verdict,
        tone=item.tone,
        chosen=item.is_chosen,
    )
