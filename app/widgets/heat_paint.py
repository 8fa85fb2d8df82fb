"""How a map of verdicts is painted: where its cells are, and what stands in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QFontMetricsF, QPainter, QPen

from app import theme
from app.theme import Tone
from app.widgets.badge import SHAPE_OF, paint_shape
from app.widgets.grid_values import HeatCell

Cell = tuple[int, int]
"""Row and column, counted from 0."""

_HATCHES: Final[dict[Tone, Qt.BrushStyle]] = {
    "warn": Qt.BrushStyle.BDiagPattern,
    "bad": Qt.BrushStyle.DiagCrossPattern,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatGrid:
    """What the map shows; a cell that is missing is awaited.

    `chosen` is the cell of the settings of now.
    """

    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    row_title: str = ""
    column_title: str = ""
    cells: Mapping[Cell, HeatCell]
    chosen: Cell | None = None

    def has(self, row: int, column: int) -> bool:
        """Return whether there is such a cell."""
        return 0 <= row < len(self.rows) and 0 <= column < len(self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatPlaces:
    """Where everything is, in a widget of this size."""

    plot: QRectF
    wide: float
    high: float

    @staticmethod
    def of(grid: HeatGrid, size: QSize) -> HeatPlaces:
        """Return the places of `grid`, with room for both axes' words."""
        metrics = QFontMetricsF(theme.font("caption"))
        widest = max((metrics.horizontalAdvance(row) for row in grid.rows), default=0)
        left = theme.px(20) + widest + 8
        foot = 2 * theme.px(20) + 6
        plot = QRectF(left, 2, size.width() - left - 2, size.height() - foot)
        return HeatPlaces(
            plot=plot,
            wide=plot.width() / max(1, len(grid.columns)),
            high=plot.height() / max(1, len(grid.rows)),
        )

    @staticmethod
    def height(grid: HeatGrid) -> int:
        """Return the height `grid` needs."""
        return round(max(1, len(grid.rows)) * theme.px(30) + 2 * theme.px(20) + 6)

    def box(self, row: int, column: int) -> QRectF:
        """Return where a cell is."""
        left = self.plot.left() + column * self.wide
        return QRectF(left, self.plot.top() + row * self.high, self.wide, self.high)

    def at(self, point: QPointF) -> Cell | None:
        """Return the cell under `point`; None beside the plot."""
        if not self.plot.contains(point):
            return None
        row = int((point.y() - self.plot.top()) / self.high)
        return row, int((point.x() - self.plot.left()) / self.wide)


def paint_map(painter: QPainter, grid: HeatGrid, places: HeatPlaces) -> None:
    """Paint cells, axes and the line beyond which nothing fits."""
    _paint_cells(painter, grid, places)
    _paint_rows(painter, grid, places)
    _paint_columns(painter, grid, places)
    lines = list(frontier(grid, places))
    tokens = theme.current()
    for name, width in ((tokens.surface, 5.0), (tokens.text, 2.2)):
        pen = QPen(theme.colour(name), width)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawLines(lines)


def frontier(grid: HeatGrid, places: HeatPlaces) -> Iterator[QLineF]:
    """Give the edges between cells that fit and cells that do not."""
    for (row, column), cell in grid.cells.items():
        box = places.box(row, column)
        right = grid.cells.get((row, column + 1))
        below = grid.cells.get((row + 1, column))
        if right is not None and right.fits != cell.fits:
            yield QLineF(box.topRight(), box.bottomRight())
        if below is not None and below.fits != cell.fits:
            yield QLineF(box.bottomLeft(), box.bottomRight())


def _paint_cells(painter: QPainter, grid: HeatGrid, places: HeatPlaces) -> None:
    painter.setFont(theme.font("caption", weight=500))
    metrics = QFontMetricsF(painter.font())
    texts = (cell.text for cell in grid.cells.values())
    widest = max((metrics.horizontalAdvance(text) for text in texts), default=0.0)
    has_text = places.wide > widest + 8
    has_mark = places.wide > widest + theme.px(8) + 16
    for row in range(len(grid.rows)):
        for column in range(len(grid.columns)):
            box = places.box(row, column).adjusted(1, 1, -1, -1)
            cell = grid.cells.get((row, column))
            if cell is None:  # awaited
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.colour(theme.current().sunken))
                painter.drawRoundedRect(box, 3, 3)
                continue
            _paint_ground(painter, box, cell.tone)
            if has_text:
                _paint_words(painter, box, cell, has_mark=has_mark)
            else:
                _paint_mark(painter, box.center(), cell.tone)


def _paint_ground(painter: QPainter, box: QRectF, tone: Tone) -> None:
    paint = theme.current().tone(tone)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.colour(paint.ground))
    painter.drawRoundedRect(box, 3, 3)
    hatch = _HATCHES.get(tone)
    if hatch is not None:
        painter.setBrush(QBrush(theme.colour(paint.mark, alpha=0.2), hatch))
        painter.drawRoundedRect(box, 3, 3)


def _paint_mark(painter: QPainter, middle: QPointF, tone: Tone) -> float:
    """Paint the tone's mark around `middle`, and return its right edge."""
    size = float(theme.px(8))
    box = QRectF(middle.x() - size / 2, middle.y() - size / 2, size, size)
    paint_shape(painter, SHAPE_OF[tone], box, theme.current().tone(tone).mark)
    return box.right()


def _paint_words(
    painter: QPainter, box: QRectF, cell: HeatCell, *, has_mark: bool
) -> None:
    room = QRectF(box)
    if has_mark:
        middle = QPointF(box.left() + 6 + theme.px(8) / 2, box.center().y())
        room.setLeft(_paint_mark(painter, middle, cell.tone) + 2)
    painter.setPen(theme.colour(theme.current().tone(cell.tone).text))
    painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter), cell.text)


def _paint_rows(painter: QPainter, grid: HeatGrid, places: HeatPlaces) -> None:
    painter.setFont(theme.font("caption"))
    painter.setPen(theme.colour(theme.current().muted))
    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    plot = places.plot
    for row, word in enumerate(grid.rows):
        box = places.box(row, 0)
        room = QRectF(0, box.top(), plot.left() - 6, box.height())
        painter.drawText(room, int(right), word)
    painter.save()
    painter.translate(theme.px(14) / 2 + 1, plot.center().y())
    painter.rotate(-90)
    side = QRectF(-plot.height() / 2, -theme.px(9), plot.height(), theme.px(18))
    painter.drawText(side, int(Qt.AlignmentFlag.AlignCenter), grid.row_title)
    painter.restore()


def _paint_columns(painter: QPainter, grid: HeatGrid, places: HeatPlaces) -> None:
    metrics, plot = QFontMetricsF(painter.font()), places.plot
    free_from = 0.0
    for column, word in enumerate(grid.columns):
        wide = metrics.horizontalAdvance(word)
        left = places.box(0, column).center().x() - wide / 2
        if left >= free_from:  # a crowded axis names every other length
            painter.drawText(QPointF(left, plot.bottom() + theme.px(16)), word)
            free_from = left + wide + 8
    top = plot.bottom() + theme.px(20)
    foot = QRectF(plot.left(), top, plot.width(), theme.px(20))
    painter.drawText(foot, int(Qt.AlignmentFlag.AlignCenter), grid.column_title)
