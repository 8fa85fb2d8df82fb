"""What is wrong in the files, line by line; virtual, for files with many faults."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app import theme
from app.setup.report import LineProblem
from app.widgets.text import LONGEST_RUN, plain_tip

Index = QModelIndex | QPersistentModelIndex
_ROOT: Final = QModelIndex()
_LONGEST_NAME: Final = 32
_HEADINGS: Final = ("Line", "What is wrong")


class _Rows(QAbstractTableModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.problems: tuple[LineProblem, ...] = ()
        self._names_files = False

    def show(self, problems: tuple[LineProblem, ...]) -> None:
        """Show `problems`, each with its file where there are several."""
        self.beginResetModel()
        self.problems = problems
        self._names_files = len({problem.file for problem in problems}) > 1
        self.endResetModel()

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.problems)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(_HEADINGS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        problem = self.problems[index.row()]
        message = problem.message[:LONGEST_RUN]
        line = "–" if problem.line is None else f"{problem.line:,}"
        if self._names_files and problem.file:
            line = f"{PurePath(problem.file).name[:_LONGEST_NAME]}, {line}"
        if role == Qt.ItemDataRole.DisplayRole:
            return line if index.column() == 0 else message
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(f"{problem.file}\n{message}" if problem.file else message)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"Line {line}: {message}"
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> object:
        horizontal = orientation == Qt.Orientation.Horizontal
        if role == Qt.ItemDataRole.DisplayRole and horizontal:
            return _HEADINGS[section]
        return None


class ProblemTable(QTableView):
    """Line numbers and words."""

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = _Rows(self)
        self.setModel(self._rows)
        self.setAccessibleName("Problems by line")
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        heads = self.horizontalHeader()
        heads.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        heads.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        heads.setHighlightSections(False)
        self.setColumnWidth(0, theme.px(88))
        self.verticalHeader().setDefaultSectionSize(theme.px(36))

    def show_problems(self, problems: tuple[LineProblem, ...]) -> None:
        """Show `problems`, as tall as they are up to eight rows."""
        if problems != self._rows.problems:
            self._rows.show(problems)
            self.resizeColumnToContents(0)
            self.setColumnWidth(0, max(theme.px(72), self.columnWidth(0)))
        self.setFixedHeight(theme.px(44) + theme.px(36) * min(8, len(problems)))
