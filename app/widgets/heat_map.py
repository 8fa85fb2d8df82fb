"""A grid of verdicts: batch by length, with the line beyond which nothing fits.

Painted by hand; colour, hatching and a mark each say the same, so that none of them is
needed. The arrows walk the cells, Enter or Space picks one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QFocusEvent,
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
from app.widgets.heat_paint import Cell, HeatGrid, HeatPlaces, paint_map
from app.widgets.text import plain_tip

_STEPS: Final = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}
_PICKS: Final = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)


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
        self._cursor: Cell | None = None
        self._over: Cell | None = None
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
        if self._cursor is not None and not grid.has(*self._cursor):
            self._cursor = None
        self._tell()
        if resized:
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Return the height the rows need."""
        return QSize(520, HeatPlaces.height(self._grid))

    def minimumSizeHint(self) -> QSize:
        """Return the same height at the least width."""
        return QSize(320, HeatPlaces.height(self._grid))

    def box(self, row: int, column: int) -> QRectF:
        """Return where a cell is painted."""
        return HeatPlaces.of(self._grid, self.size()).box(row, column)

    def _at(self, point: QPointF) -> Cell | None:
        at = HeatPlaces.of(self._grid, self.size()).at(point)
        return at if at is not None and self._grid.has(*at) else None

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
        paint_map(painter, self._grid, HeatPlaces.of(self._grid, self.size()))
        painter.end()

    def _paint_marks(self, painter: QPainter) -> None:
        tokens, places = theme.current(), HeatPlaces.of(self._grid, self.size())
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self._over is not None:
            painter.setPen(QPen(theme.colour(tokens.control_line), 1.5))
            painter.drawRoundedRect(
                places.box(*self._over).adjusted(1, 1, -1, -1), 3, 3
            )
        chosen = self._grid.chosen
        if chosen is not None and self._grid.has(*chosen):
            for name, width in ((tokens.surface, 5.0), (tokens.accent_text, 2.5)):
                painter.setPen(QPen(theme.colour(name), width))
                painter.drawRoundedRect(places.box(*chosen), 4, 4)
        if self._cursor is not None and self.hasFocus():
            painter.setPen(QPen(theme.colour(tokens.focus), 2.0, Qt.PenStyle.DotLine))
            box = places.box(*self._cursor).adjusted(3, 3, -3, -3)
            painter.drawRoundedRect(box, 3, 3)

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

    def _hover(self, at: Cell | None) -> None:
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
            if self._grid.has(row + down, column + right):
                self._move_cursor((row + down, column + right))
            return
        if key in _PICKS and self._cursor is not None:
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

    def _move_cursor(self, to: Cell) -> None:
        self._cursor = to
        self._tell()
        self.update()
        said = QAccessibleEvent(self, QAccessible.Event.DescriptionChanged)
        QAccessible.updateAccessibility(said)

    def _tell(self) -> None:
        at = self._cursor if self._cursor is not None else self._grid.chosen
        self.setAccessibleDescription(self._said(at))

    def _said(self, at: Cell | None) -> str:
        cell = self._grid.cells.get(at) if at is not None else None
        return cell.said if cell is not None else ""
