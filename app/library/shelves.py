"""The adapters as a table and as cards: two virtual views over one model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QPainter, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app import theme
from app.library.present import AdapterRow
from app.widgets.badge import paint_shape
from app.widgets.text import plain_tip

_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX: Final = QModelIndex()
ROW: Final = Qt.ItemDataRole.UserRole
COLUMNS: Final = ("Name", "Base model", "Method", "Held-out loss", "Size", "Made")
_RIGHT: Final = frozenset({3, 4, 5})


class AdapterModel(QAbstractTableModel):
    """Rows as `present` made them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[AdapterRow, ...] = ()

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        """Return how many adapters are shown."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = _NO_INDEX) -> int:
        """Return the columns of the table; cards use the first alone."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return a column's name."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = (
                Qt.AlignmentFlag.AlignRight
                if section in _RIGHT
                else Qt.AlignmentFlag.AlignLeft
            )
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell's words, its sentence for readers, or the row itself."""
        row = self._rows[index.row()]
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return _cells(row)[index.column()]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return row.said if index.column() == 0 else _cells(row)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == 0:
            return plain_tip(f"{row.name}\n{row.problem}".strip())
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() in _RIGHT:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ForegroundRole and index.column() in {1, 2, 4, 5}:
            return theme.colour(theme.current().muted)
        return None

    def id_at(self, index: _Index) -> str:
        """Return the adapter behind `index`."""
        return self._rows[index.row()].adapter_id

    def index_of(self, adapter_id: str) -> QModelIndex:
        """Return where an adapter is shown; an invalid index if it is not."""
        for at, row in enumerate(self._rows):
            if row.adapter_id == adapter_id:
                return self.index(at, 0)
        return QModelIndex()

    def show_rows(self, rows: Sequence[AdapterRow]) -> bool:
        """Take `rows`; return whether others stand in other places now."""
        old, new = self._rows, tuple(rows)
        if [row.adapter_id for row in old] == [row.adapter_id for row in new]:
            self._rows = new
            for at, (was, row) in enumerate(zip(old, new, strict=True)):
                if was != row:
                    last = self.index(at, len(COLUMNS) - 1)
                    self.dataChanged.emit(self.index(at, 0), last)
            return False
        self.beginResetModel()
        self._rows = new
        self.endResetModel()
        return True


def _cells(row: AdapterRow) -> tuple[str, ...]:
    result = f"{row.result}  {row.change}".strip()
    return (row.name, row.base, row.method, result, row.size, row.made)


class _NameDelegate(QStyledItemDelegate):
    """Paints star, name, damage and tags in the table's first column."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: _Index
    ) -> None:
        row = cast("AdapterRow", index.data(ROW))
        # the stubs of QStyleOption leave its fields untyped
        box = QRectF(cast("Any", option).rect)
        state = cast("QStyle.StateFlag", cast("Any", option).state)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, theme.colour(theme.current().accent_soft))
        painter.setPen(theme.colour(theme.current().line))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        left = box.left() + 10
        if row.starred:
            _icon(painter, "star-filled", left, box.center().y())
            left += theme.px(22)
        room = box.right() - left - 8
        wide = _say(painter, left, box, row.name, room=room, strong=True)
        _tags(painter, left + wide + 10, box, row)
        painter.restore()


class _CardDelegate(QStyledItemDelegate):
    """Paints one adapter as a card."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        del option, index
        return QSize(theme.px(280), theme.px(154))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: _Index
    ) -> None:
        row = cast("AdapterRow", index.data(ROW))
        box = QRectF(cast("Any", option).rect).adjusted(6, 6, -6, -6)
        state = cast("QStyle.StateFlag", cast("Any", option).state)
        tokens = theme.current()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        line = tokens.accent if chosen else tokens.line
        painter.setPen(QPen(theme.colour(line), 2 if chosen else 1))
        painter.setBrush(theme.colour(tokens.hover if hovered else tokens.surface))
        painter.drawRoundedRect(box, theme.RADIUS_CARD, theme.RADIUS_CARD)
        inner = box.adjusted(16, 12, -16, -12)
        line_height = theme.px(24)
        first = QRectF(inner.left(), inner.top(), inner.width(), line_height)
        star_width = theme.px(22) if row.starred else 0
        if row.starred:
            _icon(painter, "star-filled", inner.right() - 16, first.center().y())
        _say(
            painter, first.left(), first, row.name,
            room=first.width() - star_width, strong=True,
        )  # fmt: skip
        lines = (row.base, row.method, _said_result(row))
        for at, text in enumerate(lines, start=1):
            under = first.translated(0, at * line_height - 2)
            _say(painter, under.left(), under, text, room=under.width(), strong=False)
        last = first.translated(0, 4 * line_height)
        _tags(painter, last.left(), last, row)
        painter.restore()


def _said_result(row: AdapterRow) -> str:
    loss = f"loss {row.result} ({row.change})" if row.result else "no held-out loss"
    return f"{loss} · {row.size}"


def _icon(painter: QPainter, name: str, left: float, middle: float) -> None:
    size = theme.px(16)
    ratio = painter.device().devicePixelRatio()
    mark = theme.current().warn.mark
    picture: QPixmap = theme.icon_pixmap(name, mark, size=size, pixel_ratio=ratio)
    painter.drawPixmap(int(left), int(middle - size / 2), picture)


def _say(
    painter: QPainter,
    left: float,
    line: QRectF,
    text: str,
    *,
    room: float,
    strong: bool,
) -> float:
    """Paint `text` and return its width."""
    tokens = theme.current()
    painter.setFont(
        theme.font("body" if strong else "caption", weight=600 if strong else 400)
    )
    painter.setPen(theme.colour(tokens.text if strong else tokens.muted))
    shown = painter.fontMetrics().elidedText(
        text, Qt.TextElideMode.ElideRight, int(room)
    )
    place = QRectF(left, line.top(), room, line.height())
    painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), shown)
    return float(painter.fontMetrics().horizontalAdvance(shown))


def _tags(painter: QPainter, left: float, line: QRectF, row: AdapterRow) -> None:
    """Paint "Damaged", then as many tags as there is room for."""
    tokens = theme.current()
    painter.setFont(theme.font("caption", weight=500))
    height = theme.px(20)
    marks = [("Damaged", tokens.bad)] if row.is_damaged else []
    marks += [(tag, tokens.neutral) for tag in row.tags]
    for text, paint in marks:
        cross = theme.px(12) if paint is tokens.bad else 0
        width = painter.fontMetrics().horizontalAdvance(text) + cross + 14
        if left + width > line.right():
            return
        pill = QRectF(left, line.center().y() - height / 2, width, height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(paint.ground))
        painter.drawRoundedRect(pill, 5, 5)
        if cross:
            size = theme.px(7)
            place = QRectF(left + 7, pill.center().y() - size / 2, size, size)
            paint_shape(painter, "cross", place, paint.mark)
        painter.setPen(theme.colour(paint.text))
        words = pill.adjusted(7 + cross, 0, 0, 0)
        painter.drawText(words, int(Qt.AlignmentFlag.AlignVCenter), text)
        left += width + 6


def made_table(model: AdapterModel) -> QTableView:
    """Return the table over `model`."""
    table = QTableView()
    table.setModel(model)
    table.setAccessibleName("Adapters, as a table")
    table.setFrameShape(QFrame.Shape.NoFrame)
    table.setShowGrid(False)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setTabKeyNavigation(False)
    table.setWordWrap(False)
    table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.verticalHeader().setVisible(False)
    table.verticalHeader().setDefaultSectionSize(theme.px(44))
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setSectionsClickable(True)
    header.setMinimumSectionSize(theme.px(60))
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    for column in range(1, len(COLUMNS)):
        header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
    # with a thousand rows, measuring them all would take longer than painting
    header.setResizeContentsPrecision(30)
    table.setItemDelegateForColumn(0, _NameDelegate(table))
    return table


def made_cards(model: AdapterModel) -> QListView:
    """Return the cards over `model`."""
    cards = QListView()
    cards.setModel(model)
    cards.setAccessibleName("Adapters, as cards")
    cards.setFrameShape(QFrame.Shape.NoFrame)
    cards.setViewMode(QListView.ViewMode.IconMode)
    cards.setResizeMode(QListView.ResizeMode.Adjust)
    cards.setMovement(QListView.Movement.Static)
    cards.setUniformItemSizes(True)
    cards.setMouseTracking(True)
    cards.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    cards.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    cards.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    cards.setItemDelegate(_CardDelegate(cards))
    return cards
