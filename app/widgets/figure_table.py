"""Figures in rows and columns, each with what is behind it on hover.

For a dozen rows that are read, not chosen from; `FitGrid` is for many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from app import theme
from app.theme import SERIES, Tone
from app.widgets.badge import Badge
from app.widgets.text import Role, Text, plain_tip

_SIDE: Final = Qt.AlignmentFlag.AlignLeft
_TOP: Final = Qt.AlignmentFlag.AlignTop


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One cell: words, how they are dressed, and the tooltip."""

    text: str
    role: Role = "body"
    tip: str = ""
    tone: Tone | None = None
    """A tone makes it a badge."""
    series: int | None = None
    """A chip in this colour of the bars stands before the words."""
    is_number: bool = False
    """Stands at the right, and never wraps."""


class FigureTable(QWidget):
    """Rows of `Figure`s under a line of headings; the last column takes what is left.

    Narrower than `folds_at` pixels it does without the last column, which a tooltip
    should hold too.
    """

    def __init__(
        self,
        columns: Sequence[str],
        *,
        name: str,
        folds_at: int = 0,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._folds_at = folds_at
        self._is_folded = False
        self._columns = len(columns)
        self._rows: tuple[tuple[Figure, ...], ...] = ()
        self._cells: list[list[QWidget]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(18)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(self._columns - 1, 1)
        self._heads = [Text(column, "caption") for column in columns]
        for at, head in enumerate(self._heads):
            self._grid.addWidget(head, 0, at)

    @property
    def rows(self) -> tuple[tuple[Figure, ...], ...]:
        """What is shown."""
        return self._rows

    def show_rows(self, rows: Sequence[tuple[Figure, ...]]) -> None:
        """Show `rows`; a cell that is the same is left as it is."""
        while len(self._cells) > len(rows):
            for cell in self._cells.pop():
                self._drop(cell)
        old = self._rows
        self._rows = tuple(rows)
        for line, row in enumerate(self._rows):
            if line < len(old) and line < len(self._cells):
                self._renew(line, old[line], row)
            else:
                made = [_made(figure) for figure in row]
                self._cells.append(made)
                for at, cell in enumerate(made):
                    self._place(cell, row, line, at)
        self._align_heads()
        self._fold()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Do without the last column where it would be a thin one."""
        super().resizeEvent(event)
        is_folded = self.width() < theme.px(self._folds_at)
        if is_folded != self._is_folded:
            self._is_folded = is_folded
            self._fold()

    def _fold(self) -> None:
        if self._folds_at:
            for row in ([self._heads[-1]], *(row[-1:] for row in self._cells)):
                row[0].setVisible(not self._is_folded)

    def _renew(
        self, line: int, old: tuple[Figure, ...], new: tuple[Figure, ...]
    ) -> None:
        for at, (was, figure) in enumerate(zip(old, new, strict=True)):
            if was == figure:
                continue
            cell = self._cells[line][at]
            if not _rewrite(cell, was, figure):
                self._drop(cell)
                self._cells[line][at] = cell = _made(figure)
                self._place(cell, new, line, at)

    def _place(
        self, cell: QWidget, row: tuple[Figure, ...], line: int, at: int
    ) -> None:
        figure = row[at]
        if at == self._columns - 1 and figure.tone is None:
            self._grid.addWidget(cell, line + 1, at)  # it wraps
            return
        side = Qt.AlignmentFlag.AlignRight if figure.is_number else _SIDE
        # Beside a badge words stand at its middle; beside a paragraph at its top.
        has_badge = any(one.tone is not None for one in row)
        height = Qt.AlignmentFlag.AlignVCenter if has_badge else _TOP
        self._grid.addWidget(cell, line + 1, at, side | height)

    def _drop(self, cell: QWidget) -> None:
        self._grid.removeWidget(cell)
        cell.hide()
        cell.deleteLater()

    def _align_heads(self) -> None:
        if not self._rows:
            return
        for head, figure in zip(self._heads, self._rows[0], strict=True):
            side = Qt.AlignmentFlag.AlignRight if figure.is_number else _SIDE
            head.setAlignment(side | _TOP)


def _made(figure: Figure) -> QWidget:
    if figure.tone is not None:
        return Badge(figure.text, figure.tone, tip=figure.tip)
    made = _Chipped(figure) if figure.series is not None else _text(figure)
    made.setToolTip(plain_tip(figure.tip) if figure.tip else "")
    made.setAccessibleDescription(figure.tip)
    return made


def _text(figure: Figure) -> Text:
    return Text(figure.text, figure.role, wrap=not figure.is_number)


def _rewrite(cell: QWidget, was: Figure, figure: Figure) -> bool:
    """Write `figure` into `cell` if it is of the same kind; return whether it was."""
    if isinstance(cell, Badge) and figure.tone is not None:
        cell.show_text(figure.text, figure.tone, tip=figure.tip)
        return True
    same = (was.role, was.is_number, was.series) == (
        figure.role, figure.is_number, figure.series
    )  # fmt: skip
    if not isinstance(cell, Text) or not same or figure.tone is not None:
        return False
    cell.setText(figure.text)
    cell.setToolTip(plain_tip(figure.tip) if figure.tip else "")
    cell.setAccessibleDescription(figure.tip)
    return True


class _Chipped(Text):
    """Words after a small square in the colour the bars use."""

    def __init__(self, figure: Figure) -> None:
        super().__init__(figure.text, figure.role)
        self._series = figure.series or 0
        self.setContentsMargins(18, 0, 0, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the square, then the words."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(SERIES[self._series % len(SERIES)]))
        top = (self.height() - 10) / 2
        painter.drawRoundedRect(QRectF(0, top, 10, 10), 2, 2)
        painter.end()
