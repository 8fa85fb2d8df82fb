"""One curve of a chart: what it is, and how it is painted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from app import theme

if TYPE_CHECKING:
    from app.widgets.plot_scale import Numbers

Look = Literal["line", "faint", "points", "dashed"]

_MOST_MARKS: Final = 200
_DENSE: Final = 400  # so many points make a band; smooth edges would show nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One curve as it is painted; `xs` rise, what is not finite leaves a gap."""

    name: str
    xs: Numbers
    ys: Numbers
    look: Look
    series: int
    """Which of the theme's curve colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A dashed line across at `y`."""

    name: str
    y: float
    series: int


def paint_curve(
    painter: QPainter, curve: Curve, stretches: Iterator[list[QPointF]]
) -> None:
    """Paint the unbroken `stretches` of `curve`, given in pixels."""
    widths = {"line": 2.0, "faint": 1.0, "points": 1.2, "dashed": 1.5}
    alpha = 0.5 if curve.look == "faint" else 1.0
    ink = theme.colour(theme.series(curve.series), alpha=alpha)
    pen = QPen(ink, widths[curve.look])
    pen.setJoinStyle(Qt.PenJoinStyle.BevelJoin)
    if curve.look == "dashed":
        pen.setStyle(Qt.PenStyle.DashLine)
    for places in stretches:
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(
            QPainter.RenderHint.Antialiasing,
            on=curve.look != "faint" or len(places) < _DENSE,
        )
        painter.drawPolyline(QPolygonF(places))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if curve.look == "points" or len(places) == 1:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ink)
            for place in places[:: max(1, len(places) // _MOST_MARKS)]:
                paint_mark(painter, place, curve.series)


def paint_mark(painter: QPainter, place: QPointF, series: int) -> None:
    """Paint the mark of series number `series`: a shape of its own for each."""
    size = 4.0
    box = QRectF(place.x() - size, place.y() - size, 2 * size, 2 * size)
    match series % 4:
        case 0:
            painter.drawEllipse(box)
        case 1:
            painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
        case 2:
            painter.drawPolygon(
                QPolygonF([QPointF(place.x(), box.top()), box.bottomRight(),
                           box.bottomLeft()])
            )  # fmt: skip
        case _:
            painter.drawPolygon(
                QPolygonF([QPointF(place.x(), box.top()), QPointF(box.right(), place.y()),
                           QPointF(place.x(), box.bottom()),
                           QPointF(box.left(), place.y())])
            )  # fmt: skip
