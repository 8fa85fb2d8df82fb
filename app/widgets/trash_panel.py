"""The trash as a page: what was deleted, how much room it takes, the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.widgets.buttons import DangerButton, GhostButton, SecondaryButton
from app.widgets.card import Card
from app.widgets.layout import STRETCH, boxed, clear, column, divider, row
from app.widgets.notice import Action, Notice
from app.widgets.page import EmptyState, PageBody, PageHeader
from app.widgets.text import ElidedLabel

_MOST_NAMED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class TrashRow:
    """One deleted thing."""

    key: str
    name: str
    detail: str
    """What it was, and its size."""


class TrashPanel(QWidget):
    """Lists `TrashRow`s; asks once before anything is gone for good.

    Signals:
        left (): back to where one came from.
        restore_wanted (str): bring the thing with this key back.
        empty_wanted (): the question was answered: delete all for good.
    """

    left = Signal()
    restore_wanted = Signal(str)
    empty_wanted = Signal()

    def __init__(
        self, *, things: str, back_to: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._things = things
        self._rows: tuple[TrashRow, ...] | None = None
        back = GhostButton(back_to, tip=f"Back to: {back_to} (Esc).", icon="left")
        back.clicked.connect(self.left)
        self.empty_button = DangerButton(
            "Empty trash", tip="Deletes these for good; asks once.", icon="trash"
        )
        self.empty_button.clicked.connect(self.ask)
        self.header = PageHeader("Trash", actions=(self.empty_button,))
        self.question = Notice(closable=True)
        self._lines = QVBoxLayout()
        self._lines.setSpacing(12)
        self._card = Card()
        self._card.body.addLayout(self._lines)
        self._nothing = EmptyState(icon="trash", title="The trash is empty")
        body = PageBody(
            row(back, STRETCH),
            self.header,
            self.question,
            self._card,
            self._nothing,
            STRETCH,
            name="Trash",
        )
        body.column.setSpacing(16)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(body)

    def show_rows(self, rows: Sequence[TrashRow]) -> None:
        """Show `rows`; the same again costs nothing."""
        if tuple(rows) == self._rows:
            return
        self._rows = tuple(rows)
        text = f"Deleted {self._things} stay here until you empty the trash."
        self.header.set_text("Trash", text if rows else "")
        self.empty_button.setVisible(bool(rows))
        self._card.setVisible(bool(rows))
        self._nothing.setVisible(not rows)
        self.question.clear()
        clear(self._lines)
        for at, one in enumerate(rows):
            if at:
                self._lines.addWidget(divider())
            self._lines.addWidget(self._made(one))

    def ask(self) -> None:
        """Ask whether all of it shall go, naming what is lost."""
        rows = self._rows or ()
        names = ", ".join(f"“{one.name}”" for one in rows[:_MOST_NAMED])
        more = len(rows) - _MOST_NAMED
        rest = f" and {more} more" if more > 0 else ""
        self.question.show_notice(
            "bad",
            f"Delete these {self._things} for good?",
            f"{names}{rest} cannot be brought back after that.",
            actions=(
                Action(text="Delete for good", run=self._answered),
                Action(text="Keep them", run=self.question.clear),
            ),
        )

    def _answered(self) -> None:
        self.question.clear()
        self.empty_wanted.emit()

    def _made(self, one: TrashRow) -> QWidget:
        restore = SecondaryButton(
            "Restore", tip=f"Brings “{one.name}” back.", icon="undo"
        )
        restore.setAccessibleName(f"Restore {one.name}")
        restore.clicked.connect(self._restoring(one.key))
        words = column(
            ElidedLabel(one.name, "strong"), ElidedLabel(one.detail, "muted"), spacing=2
        )
        line = row(spacing=16)
        line.addLayout(words, 1)
        line.addWidget(restore)
        return boxed(line)

    def _restoring(self, key: str) -> Callable[[], None]:
        def run() -> None:
            self.restore_wanted.emit(key)

        return run
