"""A grid of verdicts: batch by length, with the line beyond which nothing fits.

Painted by hand; colour, hatching and a mark each say the same, so that none of them is
needed. The arrows walk the cells, Enter or Space picks one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QBrush,
    QFocusEvent,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import theme
from app.theme import Tone
from app.widgets.badge import Shape, paint_shape
from app.widgets.text import plain_tip

_SHAPES: Final[dict[Tone, Shape]] = {
    "neutral": "ring",
    "accent": "dot",
    "good": "check",
    "warn": "triangle",
    "bad": "cross",
}
_HATCHES: Final[dict[Tone, Qt.BrushStyle]] = {
    "warn": Qt.BrushStyle.BDiagPattern,
    "bad": Qt.BrushStyle.DiagCrossPattern,
}
_STEPS: Final = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatCell:
    """One answer: a short figure, its tone, and the whole of it in words."""

    text: str
    tone: Tone
    said: str
    fits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatGrid:
    """What the map shows. Keys of `cells` are (row, column); a missing one is awaited.

    `chosen` is the cell of the settings of now.
    """

    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    row_title: str = ""
    column_title: str = ""
    cells: Mapping[tuple[int, int], HeatCell]
    chosen: tuple[int, int] | None = None


class HeatMap(QWidget):
    """A map of `HeatCell`s with the frontier drawn.

    Signals:
        picked (int, int): the person chose the cell at this row and column.
    """

    picked = Signal(int, int)

    def __init__(self, *, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._grid = HeatGrid(cells={})
        self._cursor: tuple[int, int] | None = None
        self._over: tuple[int, int] | None = None
        self._picture = QPixmap()
        self._picture_of: tuple[object, ...] = ()
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(320)

    @property
    def grid(self) -> HeatGrid:
        """What is shown."""
        return self._grid

    def show_grid(self, grid: HeatGrid) -> None:
        """Show `grid`; the cursor stays where it is, if there is still such a cell."""
        if grid is self._grid:
            return
        resized = len(grid.rows) != len(self._grid.rows)
        if replace(grid, chosen=self._grid.chosen) != self._grid:
            self._picture_of = ()
        self._grid = grid
        if self._cursor is not None and not self._is_inside(*self._cursor):
            self._cursor = None
        self._tell()
        if resized:
            self.updateGeometry()
        self.update()

    # -- places ------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        """Return the height the rows need."""
        return QSize(520, self._height())

    def minimumSizeHint(self) -> QSize:
        """Return the same height at the least width."""
        return QSize(320, self._height())

    def _height(self) -> int:
        rows = max(1, len(self._grid.rows))
        return round(rows * theme.px(30) + 2 * theme.px(20) + 6)

    def _left(self) -> float:
        metrics = QFontMetricsF(theme.font("caption"))
        widest = max(
            (metrics.horizontalAdvance(row) for row in self._grid.rows), default=0
        )
        return theme.px(20) + widest + 8

    def _plot(self) -> QRectF:
        left = self._left()
        foot = 2 * theme.px(20) + 2
        return QRectF(left, 2, self.width() - left - 2, self.height() - foot - 4)

    def _cell_size(self, plot: QRectF) -> tuple[float, float]:
        rows, columns = len(self._grid.rows), len(self._grid.columns)
        return plot.width() / max(1, columns), plot.height() / max(1, rows)

    def box(self, row: int, column: int) -> QRectF:
        """Return where a cell is painted."""
        plot = self._plot()
        wide, high = self._cell_size(plot)
        return QRectF(plot.left() + column * wide, plot.top() + row * high, wide, high)

    def _at(self, point: QPointF) -> tuple[int, int] | None:
        plot = self._plot()
        if not self._grid.rows or not plot.contains(point):
            return None
        wide, high = self._cell_size(plot)
        row = int((point.y() - plot.top()) / high)
        column = int((point.x() - plot.left()) / wide)
        return (row, column) if self._is_inside(row, column) else None

    def _is_inside(self, row: int, column: int) -> bool:
        grid = self._grid
        return 0 <= row < len(grid.rows) and 0 <= column < len(grid.columns)

    # -- painting ----------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the map as it is kept, and over it what follows mouse and keys."""
        del event
        self._keep_picture()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawPixmap(0, 0, self._picture)
        self._paint_marks(painter)
        painter.end()

    def _keep_picture(self) -> None:
        """Paint cells, axes and frontier where they are others than those kept.

        Some 8 ms for 63 hatched and written cells: too long to follow a mouse.
        """
        ratio = self.devicePixelRatioF()
        wanted = (self.size(), ratio, theme.current(), theme.px(100))
        if wanted == self._picture_of:
            return
        self._picture = QPixmap(self.size() * ratio)
        self._picture.setDevicePixelRatio(ratio)
        self._picture.fill(Qt.GlobalColor.transparent)
        self._picture_of = wanted
        painter = QPainter(self._picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_cells(painter)
        self._paint_axes(painter)
        self._paint_frontier(painter)
        painter.end()

    def _paint_cells(self, painter: QPainter) -> None:
        font = theme.font("caption", weight=500)
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        widest = max(
            (
                metrics.horizontalAdvance(cell.text)
                for cell in self._grid.cells.values()
            ),
            default=0.0,
        )
        mark = theme.px(8)
        wide = self._cell_size(self._plot())[0] - 2
        has_text, has_mark = wide > widest + 6, wide > widest + mark + 14
        for row in range(len(self._grid.rows)):
            for column in range(len(self._grid.columns)):
                box = self.box(row, column).adjusted(1, 1, -1, -1)
                cell = self._grid.cells.get((row, column))
                if cell is None:
                    self._paint_awaited(painter, box)
                    continue
                self._paint_ground(painter, box, cell.tone)
                self._paint_words(
                    painter, box, cell, has_text=has_text, has_mark=has_mark
                )

    def _paint_awaited(self, painter: QPainter, box: QRectF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.current().sunken))
        painter.drawRoundedRect(box, 3, 3)

    def _paint_ground(self, painter: QPainter, box: QRectF, tone: Tone) -> None:
        paint = theme.current().tone(tone)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(paint.ground))
        painter.drawRoundedRect(box, 3, 3)
        hatch = _HATCHES.get(tone)
        if hatch is not None:
            painter.setBrush(QBrush(theme.colour(paint.mark, alpha=0.2), hatch))
            painter.drawRoundedRect(box, 3, 3)

    def _paint_words(
        self,
        painter: QPainter,
        box: QRectF,
        cell: HeatCell,
        *,
        has_text: bool,
        has_mark: bool,
    ) -> None:
        paint = theme.current().tone(cell.tone)
        size = float(theme.px(8))
        middle = box.center()
        if not has_text:
            mark = QRectF(middle.x() - size / 2, middle.y() - size / 2, size, size)
            paint_shape(painter, _SHAPES[cell.tone], mark, paint.mark)
            return
        room = QRectF(box)
        if has_mark:
            mark = QRectF(box.left() + 6, middle.y() - size / 2, size, size)
            paint_shape(painter, _SHAPES[cell.tone], mark, paint.mark)
            room.setLeft(mark.right() + 2)
        painter.setPen(theme.colour(paint.text))
        painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter), cell.text)

    def _paint_frontier(self, painter: QPainter) -> None:
        """Paint the line between what fits and what does not."""
        lines = list(self._frontier())
        tokens = theme.current()
        for name, width in ((tokens.surface, 5.0), (tokens.text, 2.2)):
            pen = QPen(theme.colour(name), width)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawLines(lines)

    def _frontier(self) -> Sequence[QLineF]:
        lines: list[QLineF] = []
        for (row, column), cell in self._grid.cells.items():
            box = self.box(row, column)
            right = self._grid.cells.get((row, column + 1))
            below = self._grid.cells.get((row + 1, column))
            if right is not None and right.fits != cell.fits:
                lines.append(QLineF(box.topRight(), box.bottomRight()))
            if below is not None and below.fits != cell.fits:
                lines.append(QLineF(box.bottomLeft(), box.bottomRight()))
        return lines

    def _paint_marks(self, painter: QPainter) -> None:
        tokens = theme.current()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self._over is not None:
            painter.setPen(QPen(theme.colour(tokens.control_line), 1.5))
            painter.drawRoundedRect(self.box(*self._over).adjusted(1, 1, -1, -1), 3, 3)
        if self._grid.chosen is not None and self._is_inside(*self._grid.chosen):
            box = self.box(*self._grid.chosen)
            painter.setPen(QPen(theme.colour(tokens.surface), 5.0))
            painter.drawRoundedRect(box, 4, 4)
            painter.setPen(QPen(theme.colour(tokens.accent_text), 2.5))
            painter.drawRoundedRect(box, 4, 4)
        if self._cursor is not None and self.hasFocus():
            painter.setPen(QPen(theme.colour(tokens.focus), 2.0, Qt.PenStyle.DotLine))
            box = self.box(*self._cursor).adjusted(3, 3, -3, -3)
            painter.drawRoundedRect(box, 3, 3)

    def _paint_axes(self, painter: QPainter) -> None:
        painter.setFont(theme.font("caption"))
        painter.setPen(theme.colour(theme.current().muted))
        plot = self._plot()
        metrics = QFontMetricsF(painter.font())
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for row, word in enumerate(self._grid.rows):
            box = self.box(row, 0)
            room = QRectF(0, box.top(), plot.left() - 6, box.height())
            painter.drawText(room, int(right), word)
        free_from = 0.0
        for column, word in enumerate(self._grid.columns):
            box = self.box(0, column)
            wide = metrics.horizontalAdvance(word)
            left = box.center().x() - wide / 2
            if left >= free_from:  # a crowded axis names every other length
                painter.drawText(QPointF(left, plot.bottom() + theme.px(16)), word)
                free_from = left + wide + 8
        foot = QRectF(
            plot.left(), plot.bottom() + theme.px(20), plot.width(), theme.px(20)
        )
        centre = int(Qt.AlignmentFlag.AlignCenter)
        painter.drawText(foot, centre, self._grid.column_title)
        painter.save()
        painter.translate(theme.px(14) / 2 + 1, plot.center().y())
        painter.rotate(-90)
        side = QRectF(-plot.height() / 2, -theme.px(9), plot.height(), theme.px(18))
        painter.drawText(side, centre, self._grid.row_title)
        painter.restore()

    # -- hands -------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Say the cell under the mouse."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            at = self._at(QPointF(event.pos()))
            said = self._said(at)
            QToolTip.showText(event.globalPos(), plain_tip(said) if said else "", self)
            return True
        if event.type() == QEvent.Type.Leave:
            self._hover(None)
        return super().event(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show which cell a click would take."""
        self._hover(self._at(event.position()))

    def _hover(self, at: tuple[int, int] | None) -> None:
        if at != self._over:
            self._over = at
            hand = Qt.CursorShape.PointingHandCursor
            self.setCursor(hand if at is not None else Qt.CursorShape.ArrowCursor)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Pick the cell under the mouse."""
        at = self._at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and at is not None:
            self._cursor = at
            self.picked.emit(*at)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk with the arrows, pick with Enter or Space."""
        key = Qt.Key(event.key())
        if key in _STEPS and self._grid.rows:
            row, column = self._cursor or self._grid.chosen or (0, 0)
            down, right = _STEPS[key]
            if self._is_inside(row + down, column + right):
                self._move_cursor((row + down, column + right))
            return
        picks = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
        if key in picks and self._cursor is not None:
            self.picked.emit(*self._cursor)
            return
        super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Begin at the settings of now."""
        super().focusInEvent(event)
        if self._cursor is None:
            self._cursor = self._grid.chosen or ((0, 0) if self._grid.rows else None)
        self._tell()
        self.update()

    def _move_cursor(self, to: tuple[int, int]) -> None:
        self._cursor = to
        self._tell()
        self.update()
        said = QAccessibleEvent(self, QAccessible.Event.DescriptionChanged)
        QAccessible.updateAccessibility(said)

    def _tell(self) -> None:
        at = self._cursor if self._cursor is not None else self._grid.chosen
        self.setAccessibleDescription(self._said(at))

    def _said(self, at: tuple[int, int] | None) -> str:
        cell = self._grid.cells.get(at) if at is not None else None
        return cell.said if cell is not None else ""
