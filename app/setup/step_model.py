"""Step 1: which model to teach."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from app.setup.model_list import ModelList
from app.setup.model_view import ModelView
from app.setup.state import Shown
from app.setup.viewmodel import SetupViewModel
from app.widgets.buttons import SecondaryButton
from app.widgets.drop_zone import paths_in
from app.widgets.fields import SearchField, Segmented
from app.widgets.layout import grow, row
from app.widgets.notice import Action, Notice
from app.widgets.progress import ProgressRow
from app.widgets.text import Text
from core.places import expanded, is_folder


class ModelStep(QWidget):
    """Search, the list, and what stands between the chosen model and its use."""

    def __init__(self, model: SetupViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._shown: ModelView | None = None
        self.setAcceptDrops(True)
        self.search = SearchField(
            "Search, or paste an id such as org/name",
            tip="Narrows the list as you type. Enter takes a pasted id as it stands.",
        )
        self.search.searched.connect(model.search_models)
        self.search.returnPressed.connect(self._on_entered)
        self.filter = Segmented(
            (
                ("all", "All"),
                ("fits", "Fits"),
                ("here", "Here"),
                ("download", "To download"),
            ),
            name="Show models",
            tips=(
                "Every model known",
                "Models that fit this machine, by the settings of now",
                "Models on this computer",
                "Models to download first",
            ),
        )
        self.filter.picked.connect(self._on_filtered)
        self.folder = SecondaryButton(
            "Add folder",
            icon="folder",
            tip="Use a model that lies in a folder on this computer. A folder may also"
            " be dropped on the list.",
        )
        self.folder.clicked.connect(self._on_add_folder)
        self.hub = SecondaryButton("Search the Hub", icon="globe", tip="")
        self.hub.clicked.connect(model.search_hub)
        self.failure = Notice(closable=True)
        self.list = ModelList()
        self.list.picked.connect(model.choose_model)
        self.empty = Text("", "muted", wrap=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.chosen = Notice()
        self.progress = ProgressRow("")
        self.progress.cancelled.connect(model.cancel_model_work)
        self.progress.pause_pressed.connect(model.pause_model_work)
        self._lay_out()

    def _lay_out(self) -> None:
        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(12)
        lines.addLayout(row(grow(self.search), self.folder, spacing=8))
        lines.addLayout(row(self.filter, grow(QWidget()), self.hub))
        lines.addWidget(self.failure)
        lines.addWidget(self.empty, 1)
        lines.addWidget(self.list, 1)
        lines.addWidget(self.progress)
        lines.addWidget(self.chosen)

    def render_view(self, view: ModelView) -> None:
        """Show `view`."""
        if view == self._shown:
            return
        self._shown = view
        self.list.show_cards(view.cards)
        self.list.setVisible(bool(view.cards))
        self.empty.setVisible(not view.cards)
        self.empty.setText(
            "Looking for models on this computer"
            if view.is_looking
            else view.empty_text
        )
        self.filter.set_key(view.shown)
        self.hub.setEnabled(view.can_search_hub)
        self.hub.setText("Searching" if view.is_searching else "Search the Hub")
        self.hub.set_tip(view.hub_tip)
        self._render_work(view)

    def _render_work(self, view: ModelView) -> None:
        if view.failure is None:
            self.failure.clear()
        else:
            self.failure.show_notice("bad", view.failure.message, view.failure.hint)
        self.progress.setVisible(view.progress is not None)
        if view.progress is not None:
            self.progress.show_progress(
                view.progress.what,
                fraction=view.progress.fraction,
                detail=view.progress.detail,
                pause=view.progress.pause,
            )
        if not view.chosen_title or view.chosen_tone == "good" or view.progress:
            self.chosen.clear()
            return
        self.chosen.show_notice(
            view.chosen_tone,
            view.chosen_title,
            view.chosen_text,
            actions=self._ways(view),
        )

    def _ways(self, view: ModelView) -> Sequence[Action]:
        ways: list[Action] = []
        if view.licence_url:
            url = view.licence_url
            ways.append(
                Action(
                    text="Open its page",
                    run=lambda: _open(url),
                    tip=f"Opens {url} in the browser, where the licence is accepted.",
                )
            )
        if view.way != "none":
            ways.append(
                Action(
                    text=view.way_text,
                    run=self._model.make_model_ready,
                    tip=view.way_tip,
                )
            )
        return ways

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a dropped folder."""
        if any(path.is_dir() for path in paths_in(event.mimeData())):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Use the first folder dropped."""
        folders = [path for path in paths_in(event.mimeData()) if path.is_dir()]
        if folders:
            event.acceptProposedAction()
            self._model.add_model_folder(folders[0])

    def _on_filtered(self, key: str) -> None:
        self._model.show_models(cast("Shown", key))

    def _on_entered(self) -> None:
        text = self.search.text().strip()
        if "/" in text or is_folder(expanded(text)):
            self._model.choose_model(text)

    def _on_add_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "A folder that holds a model")
        if folder:
            self._model.add_model_folder(Path(folder))


def _open(url: str) -> None:
    QDesktopServices.openUrl(QUrl(url))
