"""The rail of pages at the window's left: an icon and a word each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app import theme
from app.widgets.text import plain_tip

_MARGINS: Final = 100
_WORDS: Final = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class RailEntry:
    """One place to go."""

    key: str
    title: str
    icon: str
    tip: str = ""


class RailButton(QAbstractButton):
    """An icon and a word; the chosen one stands on the accent's soft ground."""

    def __init__(
        self,
        entry: RailEntry,
        *,
        is_place: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.entry = entry
        self.note = ""
        self.setText(entry.title)
        self.setCheckable(is_place)
        self.setAutoExclusive(is_place)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(entry.title)
        self.setAccessibleDescription(entry.tip)
        self.setToolTip(plain_tip(entry.tip or entry.title))
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_note(self, note: str) -> None:
        """Show a small word at the right: how many run, say."""
        if note != self.note:
            self.note = note
            said = f"{self.entry.title}, {note}" if note else self.entry.title
            self.setAccessibleName(said)
            self.update()

    def sizeHint(self) -> QSize:
        """Return the room icon and word take."""
        return QSize(theme.px(160), theme.px(22) + 16)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint ground, icon, word and note."""
        del event
        tokens = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setPen(Qt.PenStyle.NoPen)
        if self.isChecked():
            painter.setBrush(theme.colour(tokens.accent_soft))
            painter.drawRoundedRect(box, 8, 8)
        elif self.underMouse():
            painter.setBrush(theme.colour(tokens.hover))
            painter.drawRoundedRect(box, 8, 8)
        if self.hasFocus():
            pen = painter.pen()
            pen.setStyle(Qt.PenStyle.SolidLine)
            pen.setColor(theme.colour(tokens.focus))
            pen.setWidth(2)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, 8, 8)
        self._paint_words(painter, box)
        painter.end()

    def _paint_words(self, painter: QPainter, box: QRectF) -> None:
        tokens = theme.current()
        on = self.isChecked()
        ink = tokens.accent_text if on else tokens.muted
        if not on and self.underMouse():
            ink = tokens.text
        size = theme.px(20)
        picture = theme.icon_pixmap(
            self.entry.icon, ink, size=size, pixel_ratio=self.devicePixelRatioF()
        )
        painter.drawPixmap(12, round((self.height() - size) / 2), picture)
        painter.setPen(theme.colour(ink if on else tokens.text))
        painter.setFont(theme.font("body", weight=600 if on else 500))
        left = 12 + size + 12
        words = QRectF(left, 0, box.right() - left - 12, self.height())
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(words, int(middle), self.text())
        if self.note:
            place = self.isCheckable()
            painter.setPen(theme.colour(tokens.accent_text if place else tokens.muted))
            painter.setFont(theme.font("caption", weight=600))
            right = Qt.AlignmentFlag.AlignRight | middle
            painter.drawText(words, int(right), self.note)


class Rail(QFrame):
    """The column of places; put further widgets into `foot`.

    Signals:
        requested (str): the person wants this page.
    """

    requested = Signal(str)

    def __init__(
        self,
        entries: Sequence[RailEntry],
        *,
        head: QWidget | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("kind", "rail")
        self.setAccessibleName("Pages")
        lines = QVBoxLayout(self)
        lines.setContentsMargins(12, 16, 12, 12)
        lines.setSpacing(4)
        if head is not None:
            lines.addWidget(head)
            lines.addSpacing(12)
        self._buttons: dict[str, RailButton] = {}
        for entry in entries:
            button = RailButton(entry)
            button.clicked.connect(self._on_clicked)
            lines.addWidget(button)
            self._buttons[entry.key] = button
        lines.addStretch(1)
        self.foot = QVBoxLayout()
        self.foot.setSpacing(4)
        lines.addLayout(self.foot)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Grow with the words, and no more: the page needs the room."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._fit()

    def _fit(self) -> None:
        self.setFixedWidth(_MARGINS + theme.px(_WORDS))

    def set_current(self, key: str) -> None:
        """Show `key` as the page in view."""
        self._buttons[key].setChecked(True)
        for one, button in self._buttons.items():  # Tab comes to the page in view
            policy = (
                Qt.FocusPolicy.StrongFocus if one == key else Qt.FocusPolicy.ClickFocus
            )
            button.setFocusPolicy(policy)

    def set_note(self, key: str, note: str) -> None:
        """Show `note` beside the word of `key`."""
        self._buttons[key].set_note(note)

    def _on_clicked(self) -> None:
        for key, button in self._buttons.items():
            if button.isChecked():
                self.requested.emit(key)
