"""A whole and its parts: a chip of each part's colour, its size, its share, its tip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from app import theme
from app.theme import SERIES
from app.widgets.text import ElidedLabel, Text, plain_tip

_CHIP: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PartLine:
    """One part; `series` is the number of its colour, None for the whole itself."""

    name: str
    size: str
    share: str = ""
    what: str = ""
    tip: str = ""
    series: int | None = None


class Chip(QWidget):
    """A small square in one of the eight series colours, or nothing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._series: int | None = None
        self.setFixedSize(_CHIP, _CHIP)

    def show_series(self, series: int | None) -> None:
        """Show colour number `series`; None: nothing."""
        if series != self._series:
            self._series = series
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the square."""
        del event
        if self._series is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(SERIES[self._series % len(SERIES)]))
        painter.drawRoundedRect(QRectF(self.rect()), 2, 2)
        painter.end()


class PartTable(QWidget):
    """Lines of chip, name, size, share and what it is; the tip is on the whole line."""

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(4, 1)
        self._made: list[tuple[Chip, Text, Text, Text, ElidedLabel]] = []
        self._lines: tuple[PartLine, ...] = ()

    @property
    def lines(self) -> tuple[PartLine, ...]:
        """What is shown."""
        return self._lines

    def show_lines(self, lines: Sequence[PartLine]) -> None:
        """Show `lines`, the whole among them at the place it has."""
        if tuple(lines) == self._lines:
            return
        self._lines = tuple(lines)
        while len(self._made) > len(lines):
            for widget in self._made.pop():
                self._grid.removeWidget(widget)
                widget.hide()
                widget.deleteLater()
        while len(self._made) < len(lines):
            self._made.append(self._make())
        for made, line in zip(self._made, lines, strict=True):
            _fill(made, line)

    def _make(self) -> tuple[Chip, Text, Text, Text, ElidedLabel]:
        at = len(self._made)
        made = (
            Chip(),
            Text(),
            Text("", selectable=True),
            Text("", "muted"),
            ElidedLabel("", "muted"),
        )
        for column, widget in enumerate(made):
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            middle = Qt.AlignmentFlag.AlignVCenter
            if column in {2, 3}:
                self._grid.addWidget(widget, at, column, right)
            elif column == 4:
                self._grid.addWidget(widget, at, column)
            else:
                self._grid.addWidget(widget, at, column, middle)
        return made


def _fill(made: tuple[Chip, Text, Text, Text, ElidedLabel], line: PartLine) -> None:
    chip, name, size, share, what = made
    chip.show_series(line.series)
    is_whole = line.series is None
    for label, text in ((name, line.name), (size, line.size), (share, line.share)):
        label.setText(text)
    for label in (name, size):
        role = "strong" if is_whole else "body"
        if label.property("role") != role:
            label.setProperty("role", role)
            theme.repolish(label)
    what.setText(line.what)
    size.setAccessibleName(f"{line.name}: {line.size}")
    size.setAccessibleDescription(line.tip)
    for widget in (chip, name, size, share):
        widget.setToolTip(plain_tip(line.tip))
    what.set_tip(line.tip)
