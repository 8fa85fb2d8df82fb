"""Rows, columns and lines on the 8-pixel grid."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLayout,
    QLayoutItem,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

STRETCH = object()
"""Put into `row` or `column` where the free room should go."""


def row(*items: object, spacing: int = 8, margins: int = 0) -> QHBoxLayout:
    """Return `items` (widgets, layouts, ints for gaps, `STRETCH`) side by side."""
    layout = QHBoxLayout()
    _fill(layout, items, spacing, margins)
    return layout


def column(*items: object, spacing: int = 8, margins: int = 0) -> QVBoxLayout:
    """Return `items` (widgets, layouts, ints for gaps, `STRETCH`) below each other."""
    layout = QVBoxLayout()
    _fill(layout, items, spacing, margins)
    return layout


def _fill(
    layout: QBoxLayout, items: tuple[object, ...], spacing: int, margins: int
) -> None:
    layout.setSpacing(spacing)
    layout.setContentsMargins(margins, margins, margins, margins)
    for item in items:
        add(layout, item)


def add(layout: QBoxLayout, item: object, *, stretch: int = 0) -> None:
    """Append a widget, a layout, a gap in pixels, or `STRETCH` to `layout`."""
    match item:
        case QWidget():
            layout.addWidget(item, stretch)
        case QLayout():
            layout.addLayout(item, stretch)
        case int():
            layout.addSpacing(item)
        case _ if item is STRETCH:
            layout.addStretch(1)
        case _:
            raise TypeError(f"cannot lay out {type(item).__name__}")


def boxed(layout: QLayout, *, parent: QWidget | None = None) -> QWidget:
    """Return a bare widget that holds `layout`."""
    widget = QWidget(parent)
    widget.setLayout(layout)
    return widget


def divider() -> QFrame:
    """Return a hairline across."""
    line = QFrame()
    line.setProperty("kind", "line")
    line.setFixedHeight(1)
    return line


def clear(layout: QLayout) -> None:
    """Take everything out of `layout` and delete the widgets in it."""
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        inner = item.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif inner is not None:
            clear(inner)


class FlowLayout(QLayout):
    """Left to right, and on to the next line where the room ends: for cards, tags."""

    def __init__(self, parent: QWidget | None = None, *, spacing: int = 8) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self.setSpacing(spacing)
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        """Append `item`."""
        self._items.append(item)

    def count(self) -> int:
        """Return how many items there are."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """Return the item at `index`, or None."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """Remove and return the item at `index`, or None."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        """Return no direction: it takes what it needs."""
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        """Return True: fewer columns are taller."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height its lines take at `width`."""
        return self._place(QRect(0, 0, width, 0), only_measure=True)

    def setGeometry(self, rect: QRect) -> None:
        """Place the items into `rect`."""
        super().setGeometry(rect)
        self._place(rect, only_measure=False)

    def sizeHint(self) -> QSize:
        """Return the least size."""
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        """Return the size of the largest item."""
        size = QSize()
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        return size

    def _place(self, rect: QRect, *, only_measure: bool) -> int:
        x, y, line_height = rect.x(), rect.y(), 0
        for item in self._items:
            if item.isEmpty():  # hidden: it takes no room, and no gap beside it
                continue
            size = item.sizeHint()
            if x > rect.x() and x + size.width() > rect.right() + 1:
                x, y, line_height = rect.x(), y + line_height + self.spacing(), 0
            if not only_measure:
                item.setGeometry(QRect(QPoint(x, y), size))
            x += size.width() + self.spacing()
            line_height = max(line_height, size.height())
        return y + line_height - rect.y()


def tab_as_laid_out(widget: QWidget) -> None:
    """Let Tab walk the controls in `widget` as they stand, however late they were made.

    Qt walks them in the order they were made: what came last is reached last.
    """
    for before, after in pairwise(_stops(widget)):
        QWidget.setTabOrder(before, after)


def _stops(widget: QWidget) -> Iterator[QWidget]:
    """Give the controls in `widget` that Tab stops at, in reading order."""
    layout = widget.layout()
    if layout is None:
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            yield widget
        elif isinstance(widget, QScrollArea) and (inner := widget.widget()) is not None:
            yield from _stops(inner)
    else:
        yield from _stops_of(layout)


def _stops_of(layout: QLayout) -> Iterator[QWidget]:
    for at in range(layout.count()):
        item = layout.itemAt(at)
        if item is None:
            continue
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            yield from _stops(widget)
        elif inner is not None:
            yield from _stops_of(inner)


def grow(widget: QWidget) -> QWidget:
    """Return `widget`, now taking all the width it can."""
    policy = widget.sizePolicy()
    policy.setHorizontalPolicy(QSizePolicy.Policy.Expanding)
    widget.setSizePolicy(policy)
    return widget
