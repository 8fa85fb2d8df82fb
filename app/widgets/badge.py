"""Badges: a shape, a word and a colour, so that none of the three carries it alone."""

from __future__ import annotations

from typing import Final, Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.theme import Tone
from app.widgets.text import plain_tip

Shape = Literal["dot", "check", "triangle", "cross", "ring", "none"]

SHAPE_OF: Final[dict[Tone, Shape]] = {
    "neutral": "ring",
    "accent": "dot",
    "good": "check",
    "warn": "triangle",
    "bad": "cross",
}
"""The mark each tone wears, so that no colour carries meaning alone."""


class Badge(QWidget):
    """A small pill: ``Badge("Fits", "good", tip="3.1 of 7.6 GiB free")``."""

    def __init__(
        self,
        text: str = "",
        tone: Tone = "neutral",
        *,
        shape: Shape | None = None,
        tip: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._text = ""
        self._tone: Tone = tone
        self._shape: Shape = "none"
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.show_text(text, tone, shape=shape, tip=tip)

    @property
    def text(self) -> str:
        """The word shown."""
        return self._text

    @property
    def tone(self) -> Tone:
        """The tone shown."""
        return self._tone

    def show_text(
        self, text: str, tone: Tone, *, shape: Shape | None = None, tip: str = ""
    ) -> None:
        """Show another word, tone, shape and explanation."""
        self._text, self._tone = text, tone
        self._shape = shape or SHAPE_OF[tone]
        self.setAccessibleName(text)
        self.setAccessibleDescription(tip)
        self.setToolTip(plain_tip(tip) if tip else "")
        self.setFixedSize(self.sizeHint())
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Return the room shape and word take."""
        metrics = QFontMetrics(theme.font("caption", weight=600))
        mark = 0 if self._shape == "none" else theme.px(14)
        width = metrics.horizontalAdvance(self._text) + mark + 18
        return QSize(width, metrics.height() + 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint ground, mark and word."""
        del event
        paint = theme.current().tone(self._tone)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(paint.ground))
        painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
        left = 9.0
        if self._shape != "none":
            size = theme.px(9)
            mark = QRectF(left, (self.height() - size) / 2, size, size)
            paint_shape(painter, self._shape, mark, paint.mark)
            left += theme.px(14)
        painter.setPen(theme.colour(paint.text))
        painter.setFont(theme.font("caption", weight=600))
        room = QRectF(left, 0, self.width() - left, self.height())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), self._text)
        painter.end()


def paint_shape(painter: QPainter, shape: Shape, box: QRectF, colour: str) -> None:
    """Paint `shape` in `colour` into `box`."""
    pen = painter.pen()
    pen.setColor(theme.colour(colour))
    pen.setStyle(Qt.PenStyle.SolidLine)
    pen.setWidthF(max(1.6, box.width() / 5))
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.save()
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    left, top, right, bottom = box.left(), box.top(), box.right(), box.bottom()
    match shape:
        case "check":
            points = [
                QPointF(left, top + box.height() * 0.55),
                QPointF(left + box.width() * 0.36, bottom - box.height() * 0.1),
                QPointF(right, top + box.height() * 0.12),
            ]
            painter.drawPolyline(QPolygonF(points))
        case "cross":
            painter.drawLine(QPointF(left, top), QPointF(right, bottom))
            painter.drawLine(QPointF(left, bottom), QPointF(right, top))
        case "triangle":
            painter.setBrush(theme.colour(colour))
            corners = [QPointF(box.center().x(), top), box.bottomRight()]
            painter.drawPolygon(QPolygonF([*corners, box.bottomLeft()]))
        case "dot":
            painter.setBrush(theme.colour(colour))
            painter.drawEllipse(box.adjusted(1, 1, -1, -1))
        case "ring":
            painter.drawEllipse(box.adjusted(1, 1, -1, -1))
        case "none":
            pass
    painter.restore()
