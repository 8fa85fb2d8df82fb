"""The values under the mouse, in a small sheet that stays inside the chart."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen

from app import theme


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A heading and (name, value, colour, place) lines, read at `at`."""

    head: str
    lines: tuple[tuple[str, str, str, QPointF], ...]
    at: QPointF


def paint_reading(painter: QPainter, reading: Reading, box: QRectF) -> None:
    """Paint a line at the mouse, a dot on each curve, and the sheet."""
    tokens = theme.current()
    painter.setPen(QPen(theme.colour(tokens.control_line), 1))
    x = reading.at.x()
    painter.drawLine(QLineF(x, box.top(), x, box.bottom()))
    for _, _, colour, place in reading.lines:
        painter.setPen(QPen(theme.colour(tokens.surface), 1.5))
        painter.setBrush(theme.colour(colour))
        painter.drawEllipse(place, 4, 4)
    font = theme.font("caption", weight=500)
    painter.setFont(font)
    sheet, height = _sheet(reading, QFontMetricsF(font), box)
    _paint_sheet(painter, reading, sheet, height)


def _sheet(
    reading: Reading, metrics: QFontMetricsF, box: QRectF
) -> tuple[QRectF, float]:
    """Return where the sheet stands inside `box`, and the height of a line."""
    x = reading.at.x()
    height = metrics.height() + 3
    names = max([metrics.horizontalAdvance(n) for n, *_ in reading.lines], default=0.0)
    values = max(
        [metrics.horizontalAdvance(v) for _, v, *_ in reading.lines], default=0.0
    )
    wide = max(metrics.horizontalAdvance(reading.head), 16 + names + 16 + values) + 20
    tall = height * (len(reading.lines) + 1) + 12
    left = x + 14 if x + 14 + wide < box.right() else x - 14 - wide
    top = min(
        max(box.top(), reading.at.y() - tall / 2), max(box.top(), box.bottom() - tall)
    )
    return QRectF(left, top, wide, tall), height


def _paint_sheet(
    painter: QPainter, reading: Reading, sheet: QRectF, height: float
) -> None:
    tokens = theme.current()
    left, wide = sheet.left(), sheet.width()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.colour(tokens.tooltip, alpha=0.96))
    painter.drawRoundedRect(sheet, 7, 7)
    painter.setPen(theme.colour(tokens.on_tooltip))
    y = sheet.top() + 6
    middle = Qt.AlignmentFlag.AlignVCenter
    painter.drawText(QRectF(left + 10, y, wide, height), int(middle), reading.head)
    for name, value, colour, _ in reading.lines:
        y += height
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(colour))
        painter.drawRoundedRect(QRectF(left + 10, y + height / 2 - 4, 8, 8), 2, 2)
        painter.setPen(theme.colour(tokens.on_tooltip))
        line = QRectF(left + 26, y, wide - 36, height)
        painter.drawText(line, int(middle), name)
        painter.drawText(line, int(middle | Qt.AlignmentFlag.AlignRight), value)
