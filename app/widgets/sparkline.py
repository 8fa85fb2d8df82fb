"""Small pictures of numbers: a curve in a line of text, and a histogram."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import theme


class Sparkline(QWidget):
    """A curve without axes; give it at most a few hundred values."""

    def __init__(self, *, name: str = "Curve", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: tuple[float, ...] = ()
        self.setAccessibleName(name)
        self.setFixedHeight(28)
        self.setMinimumWidth(72)

    def show_values(self, values: Sequence[float]) -> None:
        """Show `values`, oldest first; what is not finite leaves a gap."""
        self._values = tuple(values)
        finite = [v for v in self._values if math.isfinite(v)]
        said = f"from {finite[0]:.3g} to {finite[-1]:.3g}" if finite else "no values"
        self.setAccessibleDescription(said)
        self.update()

    def sizeHint(self) -> QSize:
        """Return the room it likes."""
        return QSize(96, 28)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the curve, and a dot at its end."""
        del event
        painter = QPainter(self)
        paint_sparkline(painter, QRectF(self.rect()), self._values)
        painter.end()


def paint_sparkline(painter: QPainter, box: QRectF, values: Sequence[float]) -> None:
    """Paint `values` into `box`: for table cells as well."""
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < 2:
        return
    least, most = min(finite), max(finite)
    span = (most - least) or 1.0
    room = box.adjusted(3, 4, -4, -4)
    step = room.width() / max(1, len(values) - 1)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme.colour(theme.current().accent_text), 1.6))
    line: list[QPointF] = []
    for at, value in enumerate(values):
        if not math.isfinite(value):
            painter.drawPolyline(QPolygonF(line))
            line = []
            continue
        y = room.bottom() - (value - least) / span * room.height()
        line.append(QPointF(room.left() + at * step, y))
    painter.drawPolyline(QPolygonF(line))
    if line:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.current().accent_text))
        painter.drawEllipse(line[-1], 2.4, 2.4)


class Histogram(QWidget):
    """Bars over equal bins, and a line where things are cut off.

    Bars past the cut are hatched: colour alone would not do.
    """

    def __init__(self, *, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: tuple[int, ...] = ()
        self._edges = (0.0, 1.0)
        self._cut: float | None = None
        self._cut_label = ""
        self._axis_label = ""
        self.setAccessibleName(name)
        self.setMinimumSize(280, 160)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_counts(
        self,
        counts: Sequence[int],
        *,
        edges: tuple[float, float],
        cut: float | None = None,
        cut_label: str = "",
        axis_label: str = "",
    ) -> None:
        """Show `counts` of equal bins between `edges`, cut at `cut`."""
        self._counts, self._edges = tuple(counts), edges
        self._cut, self._cut_label = cut, cut_label
        self._axis_label = axis_label
        self.setAccessibleDescription(f"{sum(counts)} in all. {cut_label}")
        self.update()

    def sizeHint(self) -> QSize:
        """Return the room it likes."""
        return QSize(480, 180)

    def event(self, event: QEvent) -> bool:
        """Show the bin under the mouse as a tooltip."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self._said_at(event.pos().x()), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint bars, axis and cut."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = theme.current()
        plot = self._plot()
        self._paint_bars(painter, plot)
        painter.setPen(QPen(theme.colour(tokens.control_line), 1))
        painter.drawLine(QLineF(plot.bottomLeft(), plot.bottomRight()))
        painter.setFont(theme.font("caption"))
        painter.setPen(theme.colour(tokens.muted))
        under = QRectF(0, plot.bottom() + 4, self.width(), theme.px(18))
        painter.drawText(under, int(Qt.AlignmentFlag.AlignLeft), _short(self._edges[0]))
        painter.drawText(
            under, int(Qt.AlignmentFlag.AlignRight), _short(self._edges[1])
        )
        painter.drawText(under, int(Qt.AlignmentFlag.AlignHCenter), self._axis_label)
        self._paint_cut(painter, plot)
        painter.end()

    def _plot(self) -> QRectF:
        top = theme.px(20)
        return QRectF(1, top, self.width() - 2, self.height() - top - theme.px(24))

    def _bin_width(self) -> float:
        return (self._edges[1] - self._edges[0]) / max(1, len(self._counts))

    def _paint_bars(self, painter: QPainter, plot: QRectF) -> None:
        most = max(self._counts, default=0)
        if most == 0:
            return
        wide = plot.width() / len(self._counts)
        tokens = theme.current()
        painter.setPen(Qt.PenStyle.NoPen)
        for at, count in enumerate(self._counts):
            starts = self._edges[0] + at * self._bin_width()
            lost = self._cut is not None and starts >= self._cut
            high = count / most * plot.height()
            left = plot.left() + at * wide
            bar = QRectF(left + 0.5, plot.bottom() - high, max(1.0, wide - 1.5), high)
            colour = tokens.warn.mark if lost else tokens.accent
            painter.setBrush(theme.colour(colour, alpha=0.35 if lost else 0.9))
            painter.drawRoundedRect(bar, 1.5, 1.5)
            if lost:
                brush = painter.brush()
                brush.setStyle(Qt.BrushStyle.BDiagPattern)
                brush.setColor(theme.colour(tokens.warn.mark))
                painter.setBrush(brush)
                painter.drawRect(bar)

    def _paint_cut(self, painter: QPainter, plot: QRectF) -> None:
        low, high = self._edges
        if self._cut is None or not low <= self._cut <= high or high <= low:
            return
        x = plot.left() + (self._cut - low) / (high - low) * plot.width()
        painter.setPen(
            QPen(theme.colour(theme.current().text), 1.5, Qt.PenStyle.DashLine)
        )
        painter.drawLine(QLineF(x, theme.px(16), x, plot.bottom()))
        painter.setFont(theme.font("caption", weight=600))
        wide = painter.fontMetrics().horizontalAdvance(self._cut_label)
        left = min(max(0.0, x - wide / 2), max(0.0, self.width() - wide - 1.0))
        painter.drawText(QPointF(left, theme.px(11)), self._cut_label)

    def _said_at(self, x: int) -> str:
        plot = self._plot()
        if not self._counts or not plot.left() <= x < plot.right():
            return ""
        at = int((x - plot.left()) / plot.width() * len(self._counts))
        starts = self._edges[0] + at * self._bin_width()
        ends = starts + self._bin_width()
        return f"{_short(starts)} to {_short(ends)}: {self._counts[at]}"


def _short(value: float) -> str:
    return (
        f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.2g}"
    )
