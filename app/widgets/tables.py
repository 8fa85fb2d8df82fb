"""Facts in two columns, and two texts side by side."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from app.widgets.text import Text


class KeyValueTable(QWidget):
    """Names left, values right of them: ``show_rows((("Rank", "16"), …))``.

    A third entry of a row is a tooltip that explains the name.
    """

    def __init__(self, *, columns: int = 1, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._columns = columns
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(8)
        self._labels: list[tuple[Text, Text]] = []
        for at in range(columns):
            self._grid.setColumnStretch(at * 2 + 1, 1)

    def show_rows(self, rows: Sequence[tuple[str, ...]]) -> None:
        """Show (name, value) or (name, value, explanation) rows."""
        while len(self._labels) > len(rows):
            for label in self._labels.pop():
                self._grid.removeWidget(label)
                label.deleteLater()
        while len(self._labels) < len(rows):
            at = len(self._labels)
            line, place = divmod(at, self._columns)
            key = Text("", "muted")
            value = Text("", wrap=True, selectable=True)
            self._grid.addWidget(key, line, place * 2, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(value, line, place * 2 + 1)
            self._labels.append((key, value))
        for (key, value), shown in zip(self._labels, rows, strict=True):
            key.setText(shown[0])
            value.setText(shown[1])
            value.setAccessibleName(f"{shown[0]}: {shown[1]}")
            tip = shown[2] if len(shown) > 2 else ""
            key.setToolTip(tip)


class SideBySide(QWidget):
    """Texts in columns under headings: base beside adapter, before beside after."""

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(8)
        self._made: list[QLabel] = []

    def show_texts(self, columns: Sequence[tuple[str, str]]) -> None:
        """Show (heading, text) columns from left to right."""
        for label in self._made:
            self._grid.removeWidget(label)
            label.deleteLater()
        self._made = []
        for at, (heading, text) in enumerate(columns):
            head = Text(heading, "caption")
            body = Text(text, wrap=True, selectable=True)
            body.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            self._grid.addWidget(head, 0, at)
            self._grid.addWidget(body, 1, at)
            self._grid.setColumnStretch(at, 1)
            self._made += [head, body]
