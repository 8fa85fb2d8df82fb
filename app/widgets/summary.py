"""The card that stays beside a flow and says what has been chosen so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.theme import Tone
from app.widgets.badge import Badge
from app.widgets.buttons import GhostButton
from app.widgets.card import Card
from app.widgets.layout import STRETCH, clear, column, divider, row
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
        self._made: list[_Line] = []
        self.body.addLayout(self._lines)
        self.body.addStretch(1)
        self.foot = QVBoxLayout()
        self.foot.setSpacing(8)
        self.body.addLayout(self.foot)

    def show_lines(self, lines: Sequence[SummaryLine]) -> None:
        """Show `lines`, from top to bottom."""
        if tuple(lines) == self._shown:
            return
        self._shown = tuple(lines)
        if len(lines) != len(self._made):
            self._make(len(lines))
        # In place, not anew: a slider changes one of them sixty times a second, and a
        # button that is made again has lost the focus.
        for made, line in zip(self._made, lines, strict=True):
            made.show_line(line)

    def _make(self, count: int) -> None:
        clear(self._lines)
        self._made = [_Line(self.requested.emit) for _ in range(count)]
        for at, made in enumerate(self._made):
            if at:
                self._lines.addWidget(divider())
            self._lines.addWidget(made)


class _Line(QWidget):
    """One `SummaryLine`."""

    def __init__(self, ask: Callable[[str], object]) -> None:
        super().__init__()
        self._line: SummaryLine | None = None
        self._label = Text("", "caption")
        self._badge = Badge()
        self._change = GhostButton("Change", tip="", compact=True)
        self._change.clicked.connect(lambda: ask(self._line.key if self._line else ""))
        self._value = ElidedLabel("", "strong", elide=Qt.TextElideMode.ElideMiddle)
        self._detail = Text("", "muted", wrap=True)
        head = row(self._label, STRETCH, self._badge, self._change, spacing=6)
        self.setLayout(column(head, self._value, self._detail, spacing=2))

    def show_line(self, line: SummaryLine) -> None:
        """Show `line`."""
        if line == self._line:
            return
        self._line = line
        self._label.setText(line.label)
        self._value.setText(line.value)
        self._detail.setText(line.detail)
        self._detail.setVisible(bool(line.detail))
        self._badge.show_text(line.badge, line.tone)
        self._badge.setVisible(bool(line.badge))
        self._change.setVisible(bool(line.key))
        self._change.set_tip(f"Go to the step of: {line.label}")
        self._change.setAccessibleName(f"Change {line.label}")
