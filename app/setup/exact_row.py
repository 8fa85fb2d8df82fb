"""The exact figure beside the button that asks for it, or how far it is."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.setup.exact_view import ExactView
from app.widgets.badge import Badge
from app.widgets.buttons import SecondaryButton
from app.widgets.layout import grow, row
from app.widgets.progress import ProgressRow
from app.widgets.text import Text


class ExactRow(QWidget):
    """Text and button; a bar that can be cancelled while a dry run is under way."""

    def __init__(
        self,
        ask: Callable[[], None],
        cancel: Callable[[], None],
        *,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.text = Text("", "muted", wrap=True, selectable=True)
        self.exact = Badge("exact", "good")
        self.button = SecondaryButton("Exact figure", tip="", icon="target")
        self.button.clicked.connect(ask)
        self.progress = ProgressRow()
        self.progress.cancelled.connect(cancel)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(8)
        lines.addLayout(row(self.exact, grow(self.text), self.button, spacing=12))
        lines.addWidget(self.progress)

    def render_view(self, view: ExactView) -> None:
        """Show `view`."""
        self.text.setText(view.text)
        self.text.setVisible(not view.is_running)
        self.exact.setVisible(view.tone == "good" and not view.is_running)
        self.button.setText(view.button)
        self.button.set_tip(view.tip)
        self.button.setEnabled(view.can_ask)
        self.button.setVisible(not view.is_running and view.tone != "good")
        self.progress.setVisible(view.progress is not None)
        if view.progress is not None:
            self.progress.show_progress(
                view.progress.what,
                fraction=view.progress.fraction,
                detail=view.progress.detail,
            )
