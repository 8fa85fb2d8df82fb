"""A card with two bars: the memory a run was said to take, and what it took."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.training.memory_view import MemoryBarView, MemoryView
from app.widgets.card import Card
from app.widgets.memory_bar import MemoryBar, MemoryPart, MemoryRow
from app.widgets.text import Text


class MemoryCard(Card):
    """Paints a `MemoryView`; hidden while there is none."""

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__("Memory, predicted and measured", parent=parent)
        self.words = Text("", wrap=True)
        self.bars = MemoryBar()
        self.note = Text("", "muted", wrap=True)
        for widget in (self.words, self.bars, self.note):
            self.add(widget)
        self._view: MemoryView | None = None
        self.hide()

    def show_memory(self, view: MemoryView | None) -> None:
        """Show `view`, or nothing."""
        if view == self._view:
            return
        self._view = view
        self.setVisible(view is not None)
        if view is None:
            return
        self.words.setText(view.text)
        self.note.setText(view.note)
        self.note.setVisible(bool(view.note))
        self.bars.show_rows([_row(bar) for bar in view.bars], free_bytes=0)


def _row(bar: MemoryBarView) -> MemoryRow:
    return MemoryRow(
        label=bar.label,
        parts=tuple(MemoryPart(name=name, size_bytes=size) for name, size in bar.parts),
        low_bytes=bar.low_bytes,
        high_bytes=bar.high_bytes,
        verdict=bar.verdict,
        tone=bar.tone,
        chosen=True,
    )
