"""How full something is: a name, words, a bar that warns by word and colour."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.widgets.text import plain_tip

_NEARLY_FULL = 0.9


class Meter(QWidget):
    """A line of words over a thin bar, 0 to 1."""

    def __init__(self, name: str = "", *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._words = ""
        self._fraction = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(120)
        self.setAccessibleName(name)

    def show_value(
        self, name: str, words: str, *, fraction: float, tip: str = ""
    ) -> None:
        """Show `words` of `name`, and the bar at `fraction`."""
        self._name, self._words = name, words
        self._fraction = min(1.0, max(0.0, fraction))
        self.setAccessibleName(f"{name}: {words}")
        self.setToolTip(plain_tip(tip))
        self.update()

    def sizeHint(self) -> QSize:
        """Return the room the line and the bar take."""
        return QSize(240, theme.px(20) + 14)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the line and the bar."""
        del event
        tokens = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = QRectF(0, 0, self.width(), theme.px(20))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(theme.font("body"))
        painter.setPen(theme.colour(tokens.muted))
        painter.drawText(line, int(middle | Qt.AlignmentFlag.AlignRight), self._words)
        room = line.width() - painter.fontMetrics().horizontalAdvance(self._words) - 12
        painter.setFont(theme.font("body", weight=500))
        painter.setPen(theme.colour(tokens.text))
        name = painter.fontMetrics().elidedText(
            self._name, Qt.TextElideMode.ElideRight, max(0, int(room))
        )
        painter.drawText(line, int(middle), name)
        bar = QRectF(0, line.bottom() + 6, self.width(), 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(tokens.pressed))
        painter.drawRoundedRect(bar, 3, 3)
        full = self._fraction >= _NEARLY_FULL
        painter.setBrush(theme.colour(tokens.warn.mark if full else tokens.accent))
        bar.setWidth(max(6.0, bar.width() * self._fraction))
        painter.drawRoundedRect(bar, 3, 3)
        painter.end()
