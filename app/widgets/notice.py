"""Notices inside a page: what happened, what to do, and a button that does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget

from app import theme
from app.theme import Tone
from app.widgets.buttons import IconButton, SecondaryButton
from app.widgets.layout import clear, column
from app.widgets.text import Text

_ICON_OF: dict[Tone, str] = {
    "neutral": "info",
    "accent": "info",
    "good": "good",
    "warn": "warn",
    "bad": "error",
}
_WORD_OF: dict[Tone, str] = {
    "neutral": "Note",
    "accent": "Note",
    "good": "Done",
    "warn": "Warning",
    "bad": "Error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A way out: what the button says, what it does, and a tooltip."""

    text: str
    run: Callable[[], None]
    tip: str = ""


class Notice(QFrame):
    """A coloured strip with an icon, a sentence, a second one, and actions.

    Hidden while empty: make one per page and `show_notice` into it.

    Signals:
        dismissed (): the person closed it.
    """

    dismissed = Signal()

    def __init__(
        self, *, closable: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._tone: Tone = "neutral"
        self.setProperty("kind", "notice")
        self._icon = QLabel()
        self._title = Text("", "strong", wrap=True, selectable=True)
        self._text = Text("", "body", wrap=True, selectable=True)
        self._actions = QHBoxLayout()
        self._actions.setSpacing(8)
        line = QHBoxLayout(self)
        line.setContentsMargins(14, 12, 12, 12)
        line.setSpacing(12)
        line.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        words = column(self._title, self._text, spacing=4)
        line.addLayout(words, 1)
        line.addLayout(self._actions)
        line.setAlignment(self._actions, Qt.AlignmentFlag.AlignVCenter)
        self._close = IconButton("close", name="Dismiss this notice", size=14)
        self._close.clicked.connect(self._on_closed)
        line.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        # Not before it has its place: a part without one is a window for a moment.
        self._close.setVisible(closable)
        self.setVisible(False)

    def show_notice(
        self,
        tone: Tone,
        title: str,
        text: str = "",
        *,
        actions: Sequence[Action] = (),
    ) -> None:
        """Show what happened (`title`), what to do (`text`), and how (`actions`)."""
        self._tone = tone
        self.setProperty("tone", tone)
        self.setAccessibleName(f"{_WORD_OF[tone]}: {title}")
        self.setAccessibleDescription(text)
        self._title.setText(title)
        self._text.setText(text)
        self._text.setVisible(bool(text))
        clear(self._actions)
        for action in actions:
            button = SecondaryButton(action.text, tip=action.tip or action.text)
            button.clicked.connect(action.run)
            self._actions.addWidget(button)
        theme.repolish(self)
        self._draw()
        self.setVisible(True)

    def clear(self) -> None:
        """Show nothing."""
        self.setVisible(False)

    @property
    def words(self) -> tuple[str, str]:
        """What it says: title and text."""
        return self._title.text(), self._text.text()

    def changeEvent(self, event: QEvent) -> None:
        """Recolour the icon when the theme changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()

    def _draw(self) -> None:
        paint = theme.current().tone(self._tone)
        picture = theme.icon_pixmap(
            _ICON_OF[self._tone],
            paint.mark,
            size=20,
            pixel_ratio=self.devicePixelRatioF(),
        )
        self._icon.setPixmap(picture)

    def _on_closed(self) -> None:
        self.setVisible(False)
        self.dismissed.emit()
