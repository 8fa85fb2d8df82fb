"""The list of runs as a virtual view: thousands of rows cost what is on screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app import theme
from app.training.overview import RunRow
from app.widgets.badge import paint_shape
from app.widgets.sparkline import paint_sparkline

_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX: Final = QModelIndex()
_ROW: Final = Qt.ItemDataRole.UserRole
_CHECK_WIDTH: Final = 36


class RunListModel(QAbstractListModel):
    """Rows as `present_runs` made them, and which of them are ticked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[RunRow, ...] = ()
        self.ticked: tuple[str, ...] = ()
        self.is_ticking = False

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        """Return how many runs are listed."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the row's sentence, its tooltip, or the row itself."""
        row = self._rows[index.row()]
        if role in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole}:
            ticked = ", ticked" if row.run_id in self.ticked else ""
            return row.said + ticked
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.look.tip
        return row if role == _ROW else None

    def row_at(self, index: _Index) -> RunRow:
        """Return the row behind `index`."""
        return self._rows[index.row()]

    def index_of(self, run_id: str) -> QModelIndex:
        """Return where `run_id` is listed; an invalid index if it is not."""
        for at, row in enumerate(self._rows):
            if row.run_id == run_id:
                return self.index(at)
        return QModelIndex()

    def show_rows(self, rows: Sequence[RunRow]) -> bool:
        """Take `rows`; return whether other runs stand in other places now."""
        old, new = self._rows, tuple(rows)
        if [row.run_id for row in old] == [row.run_id for row in new]:
            self._rows = new
            for at, (was, row) in enumerate(zip(old, new, strict=True)):
                if was != row:
                    self.dataChanged.emit(self.index(at), self.index(at))
            return False
        self.beginResetModel()
        self._rows = new
        self.endResetModel()
        return True

    def tick(self, run_id: str) -> None:
        """Tick a run, or take its tick away."""
        if run_id in self.ticked:
            self.ticked = tuple(one for one in self.ticked if one != run_id)
        else:
            self.ticked = (*self.ticked, run_id)
        index = self.index_of(run_id)
        self.dataChanged.emit(index, index)


class _RunDelegate(QStyledItemDelegate):
    """Paints one run: state, name, sparkline, result, when."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        del option, index
        return QSize(640, theme.px(64))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: _Index
    ) -> None:
        row = cast("RunRow", index.data(_ROW))
        model = cast("RunListModel", index.model())
        # the stubs of QStyleOption leave its fields untyped
        box = QRectF(cast("Any", option).rect).adjusted(2, 2, -2, -2)
        state = cast("QStyle.StateFlag", cast("Any", option).state)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        _paint_ground(painter, box, state)
        if model.is_ticking:
            _paint_tick(painter, box, is_ticked=row.run_id in model.ticked)
            box = box.adjusted(_CHECK_WIDTH, 0, 0, 0)
        _paint_row(painter, box.adjusted(16, 0, -16, 0), row)
        painter.restore()


def _paint_ground(painter: QPainter, box: QRectF, state: QStyle.StateFlag) -> None:
    tokens = theme.current()
    painter.setPen(Qt.PenStyle.NoPen)
    if state & QStyle.StateFlag.State_MouseOver:
        painter.setBrush(theme.colour(tokens.hover))
        painter.drawRoundedRect(box, 8, 8)
    if state & QStyle.StateFlag.State_HasFocus:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.colour(tokens.focus), 2))
        painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 8, 8)


def _paint_tick(painter: QPainter, box: QRectF, *, is_ticked: bool) -> None:
    tokens = theme.current()
    size = theme.px(18)
    square = QRectF(box.left() + 14, box.center().y() - size / 2, size, size)
    painter.setPen(QPen(theme.colour(tokens.control_line), 1))
    painter.setBrush(theme.colour(tokens.accent if is_ticked else tokens.surface))
    painter.drawRoundedRect(square, 5, 5)
    if is_ticked:
        mark = square.adjusted(5, 5, -5, -5)
        paint_shape(painter, "check", mark, tokens.on_accent)


def _paint_row(painter: QPainter, box: QRectF, row: RunRow) -> None:
    tokens = theme.current()
    paint = tokens.tone(row.look.tone)
    state_width, when_width = theme.px(118), theme.px(110)
    result_width, spark_width = theme.px(140), theme.px(110)
    # narrow windows drop the sparkline first: the result says as much
    spark_width = spark_width if box.width() > theme.px(640) else 0
    mark = theme.px(10)
    if row.look.shape != "none":
        place = QRectF(box.left(), box.center().y() - mark / 2, mark, mark)
        paint_shape(painter, row.look.shape, place, paint.mark)
    left = box.left() + mark + 8
    state_box = QRectF(left, box.top(), state_width - mark - 8, box.height())
    _words(painter, state_box, row.look.text, colour=paint.text, weight=600)
    right = box.right() - when_width
    _words(
        painter,
        QRectF(right, box.top(), when_width, box.height()),
        row.when,
        colour=tokens.muted,
        right=True,
    )
    right -= result_width
    _pair(
        painter,
        QRectF(right, box.top(), result_width, box.height()),
        row.result,
        row.result_detail,
        right=True,
    )
    right -= spark_width + 16
    spark = QRectF(right, box.center().y() - 16, spark_width, 32)
    paint_sparkline(painter, spark, row.spark if spark_width else ())
    name_box = QRectF(
        box.left() + state_width, box.top(),
        right - box.left() - state_width - 12, box.height(),
    )  # fmt: skip
    _pair(painter, name_box, row.name, row.detail, strong=True)


def _pair(
    painter: QPainter,
    box: QRectF,
    first: str,
    second: str,
    *,
    strong: bool = False,
    right: bool = False,
) -> None:
    tokens = theme.current()
    weight = 600 if strong else 500
    if not second:
        _words(painter, box, first, colour=tokens.text, weight=weight, right=right)
        return
    half = box.height() / 2
    line = theme.px(20)
    top = QRectF(box.left(), box.top() + half - line, box.width(), line)
    _words(painter, top, first, colour=tokens.text, weight=weight, right=right)
    under = QRectF(box.left(), box.top() + half + 1, box.width(), line)
    _words(painter, under, second, colour=tokens.muted, caption=True, right=right)


def _words(
    painter: QPainter,
    box: QRectF,
    text: str,
    *,
    colour: str,
    weight: int = 400,
    caption: bool = False,
    right: bool = False,
) -> None:
    painter.setFont(theme.font("caption" if caption else "body", weight=weight))
    painter.setPen(theme.colour(colour))
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    shown = painter.fontMetrics().elidedText(
        text, Qt.TextElideMode.ElideRight, int(box.width())
    )
    painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter | side), shown)


class RunList(QListView):
    """The view: a click or Enter opens a run; while comparing, it ticks one.

    Signals:
        opened (str): show the run with this id.
        ticked (tuple): the ids that are ticked now.
    """

    opened = Signal(str)
    ticked = Signal(object)

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Runs, newest first")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.list_model = RunListModel(self)
        self.setModel(self.list_model)
        self.setItemDelegate(_RunDelegate(self))

    def show_rows(self, rows: Sequence[RunRow]) -> None:
        """Show `rows`, keeping the place and the run in focus where they still are."""
        current = self.currentIndex()
        focused = self.list_model.row_at(current).run_id if current.isValid() else ""
        place = self.verticalScrollBar().value()
        if self.list_model.show_rows(rows) and focused:
            self.setCurrentIndex(self.list_model.index_of(focused))
            self.verticalScrollBar().setValue(place)

    def set_ticking(self, ticking: bool) -> None:  # noqa: FBT001 - a setter
        """Let clicks tick runs instead of opening them, or the other way round."""
        self.list_model.is_ticking = ticking
        self.list_model.ticked = ()
        self.ticked.emit(())
        self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Open or tick on a click that ends on a row."""
        super().mouseReleaseEvent(event)
        index = self.indexAt(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and index.isValid():
            self._use(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open or tick on Enter or Space."""
        keys = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
        if event.key() in keys and self.currentIndex().isValid():
            self._use(self.currentIndex())
            return
        super().keyPressEvent(event)

    def _use(self, index: QModelIndex) -> None:
        run_id = self.list_model.row_at(index).run_id
        if not self.list_model.is_ticking:
            self.opened.emit(run_id)
            return
        self.list_model.tick(run_id)
        self.ticked.emit(self.list_model.ticked)
