"""Ctrl+K: every page and action by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app import theme


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something to do, by name."""

    title: str
    run: Callable[[], None]
    icon: str = "arrow"
    keys: str = ""
    """Its keyboard short cut, to be learnt on the way."""


def matching(commands: Sequence[Command], typed: str) -> tuple[Command, ...]:
    """Return the commands that hold every word of `typed`, best first."""
    words = typed.lower().split()
    found = [c for c in commands if all(word in c.title.lower() for word in words)]
    first = words[0] if words else ""
    return tuple(sorted(found, key=lambda c: not c.title.lower().startswith(first)))


class CommandPalette(QDialog):
    """A field and a list; Enter does the chosen one, Escape closes."""

    def __init__(self, commands: Sequence[Command], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.FramelessWindowHint)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setWindowTitle("Commands")
        self._commands = tuple(commands)
        self._shown: tuple[Command, ...] = ()
        sheet = QFrame()
        sheet.setProperty("kind", "floating")
        self.field = QLineEdit()
        self.field.setPlaceholderText("Type a page or an action")
        self.field.setAccessibleName("Type a page or an action")
        self.list = QListWidget()
        self.list.setAccessibleName("Commands found")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setUniformItemSizes(True)
        inner = QVBoxLayout(sheet)
        inner.setContentsMargins(12, 12, 12, 12)
        inner.setSpacing(8)
        inner.addWidget(self.field)
        inner.addWidget(self.list)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(sheet)
        self.field.textChanged.connect(self._on_typed)
        self.field.installEventFilter(self)
        self.list.itemClicked.connect(self._on_clicked)
        self._on_typed("")
        self.setFixedSize(theme.px(520), theme.px(400))
        place = parent.mapToGlobal(parent.rect().topLeft())
        self.move(place.x() + (parent.width() - self.width()) // 2, place.y() + 96)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrow keys walk the list while the field has the focus."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
            if step and self._shown:
                at = (self.list.currentRow() + step) % len(self._shown)
                self.list.setCurrentRow(at)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._do(self.list.currentRow())
                return True
        return super().eventFilter(watched, event)

    def _on_typed(self, typed: str) -> None:
        self._shown = matching(self._commands, typed)
        self.list.clear()
        for command in self._shown:
            keys = f"    {command.keys}" if command.keys else ""
            item = QListWidgetItem(
                theme.icon(command.icon, theme.current().muted),
                f"{command.title}{keys}",
            )
            self.list.addItem(item)
        if self._shown:
            self.list.setCurrentRow(0)

    def _on_clicked(self, _item: QListWidgetItem) -> None:
        self._do(self.list.currentRow())

    def _do(self, at: int) -> None:
        if 0 <= at < len(self._shown):
            self.accept()
            self._shown[at].run()
