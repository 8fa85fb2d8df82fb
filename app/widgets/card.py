"""Cards: a white sheet with a hairline; never one inside another."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app import theme
from app.widgets.text import Text


class Card(QFrame):
    """A sheet with an optional heading; put content into `body`.

    `header` is the row of the heading, for a button or a badge at its right end.
    """

    def __init__(
        self,
        title: str = "",
        *,
        subtitle: str = "",
        padding: int = 20,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(padding, padding - 2, padding, padding)
        outer.setSpacing(12)
        self.header = QHBoxLayout()
        self.header.setSpacing(8)
        if title:
            self.title = Text(title, "heading")
            self.header.addWidget(self.title)
            self.header.addStretch(1)
            outer.addLayout(self.header)
        if subtitle:
            outer.addWidget(Text(subtitle, "muted", wrap=True))
        self.body = QVBoxLayout()
        self.body.setSpacing(12)
        outer.addLayout(self.body, 1000)
        outer.addStretch(1)  # content that cannot grow stays at the top

    def add(self, widget: QWidget, *, stretch: int = 0) -> None:
        """Append `widget` below what is there."""
        self.body.addWidget(widget, stretch)


class ChoiceCard(QFrame):
    """A card that is itself a choice: click, Enter or Space picks it.

    Put content into `body`; `set_chosen` marks it (a frame, and said to readers).

    Signals:
        picked (): the person chose this card.
    """

    picked = Signal()

    def __init__(
        self, *, name: str, tip: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._name = name
        self.setProperty("kind", "choice")
        self.setProperty("chosen", "false")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(name)
        self.setAccessibleDescription(tip)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(18, 16, 18, 16)
        self.body.setSpacing(8)

    @property
    def is_chosen(self) -> bool:
        """Whether this card is the chosen one."""
        return self.property("chosen") == "true"

    def set_chosen(self, chosen: bool) -> None:  # noqa: FBT001 - a setter
        """Mark the card as the chosen one, or not."""
        if chosen == self.is_chosen:
            return
        self.setProperty("chosen", "true" if chosen else "false")
        self.setAccessibleName(f"{self._name}, chosen" if chosen else self._name)
        theme.repolish(self)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Pick on a click that ends inside."""
        inside = self.rect().contains(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and inside:
            self.picked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Pick on Enter or Space."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.picked.emit()
            return
        super().keyPressEvent(event)
