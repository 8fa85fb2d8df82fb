"""Models by methods: what each needs and whether it fits, in a virtual table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app import theme
from app.widgets.badge import SHAPE_OF, paint_shape
from app.widgets.grid_values import GridCell, GridRow
from app.widgets.text import plain_tip

_Index = QModelIndex | QPersistentModelIndex
_ROOT: Final = QModelIndex()
_ROW: Final = Qt.ItemDataRole.UserRole
_SHOWN_ROWS: Final = 10
_NAME_PARTS: Final = 2.1
"""How many times as wide as the others the first column is."""
_LEAST_NAME: Final = 104
"""Pixels a name needs to be told from the others; verdicts make room for it."""


class _Rows(QAbstractTableModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: tuple[GridRow, ...] = ()
        self.columns: tuple[str, ...] = ("",)
        self.has_marks_alone = False
        """Whether verdicts are drawn without their figures, which tooltips hold."""

    def rowCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.rows[index.row()]
        if role == _ROW:
            return row
        if index.column() == 0:
            return _name_data(row, role)
        cell = self.cell(index)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return cell.text
            case Qt.ItemDataRole.AccessibleTextRole:
                column = self.columns[index.column()]
                return f"{row.name}, {column}: {cell.tip or cell.text or 'not known'}"
            case Qt.ItemDataRole.ToolTipRole if cell.tip:
                return plain_tip(cell.tip)
            case _:
                return None

    def cell(self, index: _Index) -> GridCell:
        """Return the cell behind `index`, an empty one where nothing is known yet."""
        cells = self.rows[index.row()].cells
        at = index.column() - 1
        return cells[at] if 0 <= at < len(cells) else GridCell()

    def index_of(self, key: str) -> QModelIndex:
        """Return the first cell of the row with this key; invalid if it is gone."""
        at = next((n for n, row in enumerate(self.rows) if row.key == key), None)
        return QModelIndex() if at is None else self.index(at, 0)

    def show(self, columns: tuple[str, ...], rows: tuple[GridRow, ...]) -> None:
        """Show `rows`; the same models in the same order keep their place."""
        same = [row.key for row in rows] == [row.key for row in self.rows]
        if same and columns == self.columns:
            self.rows = rows
            if rows:
                last = self.index(len(rows) - 1, len(columns) - 1)
                self.dataChanged.emit(self.index(0, 0), last)
            return
        self.beginResetModel()
        self.rows, self.columns = rows, columns
        self.endResetModel()


def _name_data(row: GridRow, role: int) -> Any:
    match role:
        case Qt.ItemDataRole.DisplayRole:
            return row.name
        case Qt.ItemDataRole.AccessibleTextRole:
            chosen = ", chosen" if row.is_chosen else ""
            return f"{row.name}, {row.detail}{chosen}"
        case Qt.ItemDataRole.ToolTipRole:
            return plain_tip(f"{row.key}\n{row.detail}" if row.detail else row.key)
        case _:
            return None


class _Painter(QStyledItemDelegate):
    """Paints names in two weights, verdicts as a mark and a figure."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        del option, index
        return QSize(80, theme.px(34))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: _Index
    ) -> None:
        row: GridRow = index.data(_ROW)
        tokens = theme.current()
        rect, state = option.rect, option.state
        box = QRectF(rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if row.is_chosen:
            painter.fillRect(box, theme.colour(tokens.accent_soft))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(box, theme.colour(tokens.hover))
        if index.column() == 0:
            _paint_name(painter, box, row)
        else:
            rows = index.model()
            assert isinstance(rows, _Rows)
            cell = rows.cell(index)
            has_mark_alone = rows.has_marks_alone and cell.tone is not None
            _paint_cell(
                painter, box, replace(cell, text="") if has_mark_alone else cell
            )
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour(tokens.focus), 2))
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 4, 4)
        painter.restore()


def _paint_name(painter: QPainter, box: QRectF, row: GridRow) -> None:
    tokens = theme.current()
    if row.is_chosen:
        bar = QRectF(box.left(), box.top() + 6, 3, box.height() - 12)
        painter.fillRect(bar, theme.colour(tokens.accent))
    room = box.adjusted(10, 0, -8, 0)
    detail_font = theme.font("caption")
    detail = QFontMetricsF(detail_font).horizontalAdvance(row.detail)
    painter.setFont(theme.font("body", weight=600 if row.is_chosen else 500))
    painter.setPen(theme.colour(tokens.text))
    metrics = QFontMetricsF(painter.font())
    beside = room.width() - detail - 10
    has_detail = metrics.horizontalAdvance(row.name) <= beside
    name = metrics.elidedText(
        row.name,
        Qt.TextElideMode.ElideMiddle,  # base and Instruct part at the end
        beside if has_detail else room.width(),
    )
    middle = Qt.AlignmentFlag.AlignVCenter
    painter.drawText(room, int(middle), name)
    if has_detail:
        painter.setFont(detail_font)
        painter.setPen(theme.colour(tokens.muted))
        painter.drawText(room, int(middle | Qt.AlignmentFlag.AlignRight), row.detail)


def _paint_cell(painter: QPainter, box: QRectF, cell: GridCell) -> None:
    tokens = theme.current()
    room = box.adjusted(10, 0, -6, 0)
    middle = int(Qt.AlignmentFlag.AlignVCenter)
    if cell.tone is None:
        painter.setPen(theme.colour(tokens.muted))
        painter.setFont(theme.font("body"))
        painter.drawText(room, middle, cell.text)
        return
    paint = tokens.tone(cell.tone)
    size = theme.px(9)
    mark = QRectF(room.left(), room.center().y() - size / 2, size, size)
    paint_shape(painter, SHAPE_OF[cell.tone], mark, paint.mark)
    painter.setPen(theme.colour(paint.text))
    painter.setFont(theme.font("body", weight=500))
    painter.drawText(room.adjusted(size + 7, 0, 0, 0), middle, cell.text)


class FitGrid(QTableView):
    """Models to choose from, each with its verdict by every method.

    Signals:
        picked (str, int): the model with this key was chosen, in this column.
        seen (int, int): rows from the first to the last are in view.
    """

    picked = Signal(str, int)
    seen = Signal(int, int)

    def __init__(
        self, *, name: str, lines: int = _SHOWN_ROWS, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._lines = lines
        self._rows = _Rows(self)
        self.setModel(self._rows)
        self.setItemDelegate(_Painter(self))
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.setCornerButtonEnabled(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setMinimumSectionSize(40)
        self.clicked.connect(self._on_picked)
        self.activated.connect(self._on_picked)
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        self._set_height()

    @property
    def rows(self) -> tuple[GridRow, ...]:
        """What is shown."""
        return self._rows.rows

    def show_rows(self, columns: Sequence[str], rows: tuple[GridRow, ...]) -> None:
        """Show `rows` under `columns`; the first names the models' column."""
        if rows is self._rows.rows and tuple(columns) == self._rows.columns:
            return
        at = self.currentIndex()
        key = self._rows.rows[at.row()].key if at.isValid() else ""
        self._rows.show(tuple(columns), rows)
        if key and not self.currentIndex().isValid():  # the order is another
            seen = self.verticalScrollBar().value()
            place = self._rows.index_of(key)
            self.setCurrentIndex(place.siblingAtColumn(at.column()))
            self.verticalScrollBar().setValue(seen)
        self._set_height()
        self._share_width()
        self._on_scrolled()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the width anew."""
        super().resizeEvent(event)
        self._share_width()
        self._on_scrolled()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose with Space as well as with Enter."""
        if event.key() == Qt.Key.Key_Space and self.currentIndex().isValid():
            self._on_picked(self.currentIndex())
            return
        super().keyPressEvent(event)

    def _set_height(self) -> None:
        """Be as high as `lines` rows: the table scrolls by itself, as the page does."""
        self.verticalHeader().setDefaultSectionSize(theme.px(34))
        header = self.horizontalHeader().sizeHint().height()
        self.setFixedHeight(header + self._lines * theme.px(34) + 2)

    def _share_width(self) -> None:
        columns = len(self._rows.columns)
        if columns < 2:
            return
        room = self.viewport().width()
        self._rows.has_marks_alone = False
        needs = [self._need(at) for at in range(1, columns)]
        self._rows.has_marks_alone = room - sum(needs) < theme.px(_LEAST_NAME)
        if self._rows.has_marks_alone:
            widths = [self._need(at) for at in range(1, columns)]
        else:
            share = round(room / (_NAME_PARTS + columns - 1))
            widths = [max(share, need) for need in needs]
        for at, width in enumerate(widths, start=1):
            self.setColumnWidth(at, width)
        self.setColumnWidth(0, max(theme.px(80), room - sum(widths)))

    def _need(self, column: int) -> int:
        """Return the pixels the widest figure of a column takes, with its mark."""
        cells = [
            row.cells[column - 1] for row in self._rows.rows if len(row.cells) >= column
        ]
        has_mark = any(cell.tone is not None for cell in cells)
        heading = self._rows.columns[column]
        texts = [] if has_mark and self._rows.has_marks_alone else cells
        longest = max([*(cell.text for cell in texts), heading], key=len)
        metrics = QFontMetricsF(theme.font("body", weight=500))
        mark = theme.px(9) + 7 if has_mark and texts else 0
        return round(metrics.horizontalAdvance(longest)) + mark + 18

    def _on_picked(self, index: QModelIndex) -> None:
        row: GridRow = index.data(_ROW)
        self.picked.emit(row.key, index.column())

    def _on_scrolled(self) -> None:
        if not self._rows.rows:
            return
        first = self.rowAt(0)
        last = self.rowAt(self.viewport().height() - 1)
        many = len(self._rows.rows)
        self.seen.emit(max(0, first), last if last >= 0 else many - 1)
