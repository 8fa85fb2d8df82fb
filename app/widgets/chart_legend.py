"""A chart's legend: how each curve is drawn, and its name."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QLineF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme

_MARK = 18
_GAP = 16


class ChartLegend(QWidget):
    """Entries of (name, series number, look), side by side at the right."""

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: tuple[tuple[str, int, str], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_entries(self, entries: Sequence[tuple[str, int, str]]) -> None:
        """Show `entries`."""
        if tuple(entries) == self._entries:
            return
        self._entries = tuple(entries)
        self.setAccessibleName(", ".join(name for name, _, _ in self._entries))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Return the room the entries take."""
        metrics = QFontMetrics(theme.font("caption"))
        words = sum(metrics.horizontalAdvance(name) for name, _, _ in self._entries)
        count = len(self._entries)
        return QSize(words + count * (_MARK + 6) + max(0, count - 1) * _GAP + 2, 20)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint a sample of each curve beside its name."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.font("caption"))
        x, middle = 0.0, self.height() / 2
        for name, series, look in self._entries:
            ink = theme.colour(
                theme.series(series), alpha=0.45 if look == "faint" else 1.0
            )
            pen = QPen(ink, 1.2 if look in ("faint", "points") else 2.2)
            if look == "dashed":
                pen.setStyle(Qt.PenStyle.DashLine)
            painter.setPen(pen)
            painter.drawLine(QLineF(x, middle, x + _MARK, middle))
            if look == "points":
                painter.setBrush(ink)
                painter.drawEllipse(QRectF(x + _MARK / 2 - 3, middle - 3, 6, 6))
            painter.setPen(theme.colour(theme.current().muted))
            wide = painter.fontMetrics().horizontalAdvance(name)
            room = QRectF(x + _MARK + 6, 0, wide + 4, self.height())
            painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), name)
            x += _MARK + 6 + wide + _GAP
        painter.end()
