"""The trash: what was deleted, how much room it takes, the way back."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.library.present import AdapterRow, LibraryView
from app.library.viewmodel import LibraryViewModel
from app.widgets.buttons import DangerButton, GhostButton, SecondaryButton
from app.widgets.card import Card
from app.widgets.layout import STRETCH, boxed, clear, column, divider, row
from app.widgets.notice import Action, Notice
from app.widgets.page import EmptyState, PageBody, PageHeader
from app.widgets.text import ElidedLabel


class TrashPanel(QWidget):
    """Lists what can be brought back.

    Signals:
        left (): back to the library.
    """

    left = Signal()

    def __init__(
        self, model: LibraryViewModel, *, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._shown: tuple[AdapterRow, ...] | None = None
        self._text = ""
        back = GhostButton("Library", tip="Back to the library (Esc).", icon="left")
        back.clicked.connect(self.left)
        self.empty_button = DangerButton(
            "Empty trash", tip="Deletes these for good; asks once.", icon="trash"
        )
        self.empty_button.clicked.connect(self._ask)
        self.header = PageHeader("Trash", actions=(self.empty_button,))
        self.question = Notice(closable=True)
        self._lines = QVBoxLayout()
        self._lines.setSpacing(12)
        self._card = Card()
        self._card.body.addLayout(self._lines)
        self.nothing = EmptyState(icon="trash", title="The trash is empty")
        body = PageBody(
            row(back, STRETCH),
            self.header,
            self.question,
            self._card,
            self.nothing,
            STRETCH,
            name="Trash",
        )
        body.column.setSpacing(16)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(body)

    def render_view(self, view: LibraryView) -> None:
        """Paint the trash of `view`."""
        if view.trash == self._shown:
            return
        self._shown = view.trash
        self._text = view.trash_text
        self.header.set_text(
            "Trash",
            "Deleted adapters stay here until you empty the trash." * bool(view.trash),
        )
        self.empty_button.setVisible(bool(view.trash))
        self._card.setVisible(bool(view.trash))
        self.nothing.setVisible(not view.trash)
        self.question.clear()
        clear(self._lines)
        for at, adapter in enumerate(view.trash):
            if at:
                self._lines.addWidget(divider())
            self._lines.addWidget(self._made(adapter))

    def _made(self, adapter: AdapterRow) -> QWidget:
        restore = SecondaryButton(
            "Restore", tip=f"Brings “{adapter.name}” back.", icon="undo"
        )
        restore.setAccessibleName(f"Restore {adapter.name}")
        restore.clicked.connect(self._restoring(adapter.adapter_id))
        words = column(
            ElidedLabel(adapter.name, "strong"),
            ElidedLabel(f"{adapter.base} · {adapter.method} · {adapter.size}", "muted"),
            spacing=2,
        )
        line = row(spacing=16)
        line.addLayout(words, 1)
        line.addWidget(restore)
        return boxed(line)

    def _restoring(self, adapter_id: str) -> Callable[[], None]:
        def run() -> None:
            self._model.restore(adapter_id)

        return run

    def _ask(self) -> None:
        names = ", ".join(f"“{row.name}”" for row in (self._shown or ())[:6])
        more = len(self._shown or ()) - 6
        rest = f" and {more} more" if more > 0 else ""
        self.question.show_notice(
            "bad",
            "Delete these adapters for good?",
            f"{names}{rest} cannot be brought back after that.",
            actions=(
                Action(text="Delete for good", run=self._model.empty_trash),
                Action(text="Keep them", run=self.question.clear),
            ),
        )
