"""The card that stays beside a flow and says what has been chosen so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.theme import Tone
from app.widgets.badge import Badge
from app.widgets.buttons import GhostButton
from app.widgets.card import Card
from app.widgets.layout import STRETCH, boxed, clear, column, divider, row
from app.widgets.text import ElidedLabel, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryLine:
    """One choice: its name, what was chosen, a second line, a badge, a way to it."""

    label: str
    value: str
    detail: str = ""
    badge: str = ""
    tone: Tone = "neutral"
    key: str = ""
    """What `SummaryCard.requested` says when "Change" is pressed; none without."""


class SummaryCard(Card):
    """A narrow card of `SummaryLine`s; put buttons into `foot`.

    Signals:
        requested (str): the person wants to change the line with this key.
    """

    requested = Signal(str)

    def __init__(
        self, title: str, *, width: int = 300, parent: QWidget | None = None
    ) -> None:
        super().__init__(title, parent=parent)
        self.setFixedWidth(width)
        self._lines = QVBoxLayout()
        self._lines.setSpacing(12)
        self._shown: tuple[SummaryLine, ...] | None = None
        self.body.addLayout(self._lines)
        self.body.addStretch(1)
        self.foot = QVBoxLayout()
        self.foot.setSpacing(8)
        self.body.addLayout(self.foot)

    def show_lines(self, lines: Sequence[SummaryLine]) -> None:
        """Show `lines`, from top to bottom."""
        if tuple(lines) == self._shown:
            return  # painting the same again would flicker and drop the focus
        self._shown = tuple(lines)
        clear(self._lines)
        for at, line in enumerate(lines):
            if at:
                self._lines.addWidget(divider())
            self._lines.addWidget(self._made(line))

    def _made(self, line: SummaryLine) -> QWidget:
        head = row(Text(line.label, "caption"), STRETCH, spacing=6)
        if line.badge:
            head.addWidget(Badge(line.badge, line.tone))
        value = ElidedLabel(line.value, "strong", elide=Qt.TextElideMode.ElideMiddle)
        parts: list[object] = [head, value]
        if line.detail:
            parts.append(Text(line.detail, "muted", wrap=True))
        if line.key:
            change = GhostButton(
                "Change", tip=f"Go to the step of: {line.label}", compact=True
            )
            change.setAccessibleName(f"Change {line.label}")
            change.clicked.connect(self._asking(line.key))
            head.addWidget(change)
        return boxed(column(*parts, spacing=2))

    def _asking(self, key: str):  # noqa: ANN202 - a bound closure for one signal
        def ask() -> None:
            self.requested.emit(key)

        return ask
