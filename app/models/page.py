"""Models: a list at the left, the chosen one at the right."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl, Slot
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout

from app.models.detail import DetailCard
from app.models.present import ModelsView
from app.models.viewmodel import ModelsViewModel, TrashPorts
from app.services import Services
from app.setup.model_list import ModelList
from app.setup.ports import ports
from app.widgets.buttons import SecondaryButton
from app.widgets.drop_zone import paths_in
from app.widgets.fields import SearchField, Segmented
from app.widgets.layout import STRETCH, row
from app.widgets.notice import Action, Notice
from app.widgets.page import EmptyState, Page, PageHeader
from app.widgets.progress import ProgressRow
from core.models.trash import can_delete, delete_model, restore_model
from core.places import expanded, is_folder


class ModelsPage(Page):
    """Paints `ModelsView`s."""

    def __init__(self, model: ModelsViewModel) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self._model = model
        add = SecondaryButton(
            "Add a folder",
            tip="A folder that holds config.json and model.safetensors. You can also"
            " drop it anywhere on this page.",
            icon="folder",
        )
        add.clicked.connect(self._on_add)
        self._header = PageHeader("Models", "Base models to train on", actions=(add,))
        self._filter = Segmented(
            (("all", "All"), ("here", "Here"), ("download", "To download")),
            name="Which models to show",
        )
        self._filter.picked.connect(model.show_only)
        self._search = SearchField(
            "Search, or paste an id such as org/name",
            tip="Filters the list. Paste the id of a model on huggingface.co and press"
            " Enter to look it up.",
        )
        self._search.searched.connect(model.search)
        self._search.returnPressed.connect(self._on_entered)
        self._hub = SecondaryButton(
            "Search the Hub", tip="Ask huggingface.co", icon="globe"
        )
        self._hub.clicked.connect(model.models.search_hub)
        self._notice = Notice(closable=True)
        self._progress = ProgressRow()
        self._progress.cancelled.connect(model.models.cancel)
        self._progress.pause_pressed.connect(model.models.pause_or_go_on)
        self._make_parts()
        self._lay_out()
        model.changed.connect(self.render_view)
        self.render_view(model.view)

    def _make_parts(self) -> None:
        model = self._model
        self._list = ModelList()
        self._list.picked.connect(model.choose)
        self._empty = EmptyState(icon="models", title="Nothing here")
        self._detail = DetailCard()
        self._detail.train_requested.connect(model.train)
        self._detail.fetch_requested.connect(model.models.make_ready)
        self._detail.delete_requested.connect(model.delete)
        self._detail.folder_requested.connect(self._on_open_folder)
        self._detail.licence_requested.connect(self._on_open_link)

    def _lay_out(self) -> None:
        tools = row(self._filter, STRETCH, self._search, self._hub, spacing=12)
        middle = QHBoxLayout()
        middle.setSpacing(16)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(self._list, 1)
        left.addWidget(self._empty, 1)
        middle.addLayout(left, 1)
        middle.addWidget(self._detail)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(32, 28, 32, 20)
        lines.setSpacing(16)
        lines.addWidget(self._header)
        lines.addLayout(tools)
        lines.addWidget(self._notice)
        lines.addWidget(self._progress)
        lines.addLayout(middle, 1)

    def showEvent(self, event: QShowEvent) -> None:
        """Look again whenever the page comes into view."""
        super().showEvent(event)
        self._model.wake()

    def open_with(self, argument: object) -> None:
        """Show the details of the model with this id."""
        if isinstance(argument, str):
            self._model.choose(argument)

    def shut_down(self) -> None:
        """End what the view-model runs."""
        self._model.shut_down()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take folders."""
        if any(path.is_dir() for path in paths_in(event.mimeData())):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add the dropped folder."""
        for path in paths_in(event.mimeData()):
            if path.is_dir():
                event.acceptProposedAction()
                self._model.add_folder(path)

    @Slot(object)
    def render_view(self, view: ModelsView) -> None:
        """Paint `view`. The only place that writes to these widgets."""
        shown = view.list
        self._header.set_text("Models", view.summary)
        self._filter.set_key(shown.shown)
        self._list.show_cards(shown.cards)
        self._list.setVisible(bool(shown.cards))
        self._empty.setVisible(not shown.cards)
        title = "Looking for models…" if shown.is_looking else "Nothing here"
        self._empty.set_text(title, "" if shown.is_looking else shown.empty_text)
        self._hub.setEnabled(shown.can_search_hub)
        self._hub.set_tip(shown.hub_tip)
        self._hub.setText("Searching…" if shown.is_searching else "Search the Hub")
        self._render_failure(view)
        progress = shown.progress
        self._progress.setVisible(progress is not None)
        if progress is not None:
            self._progress.show_progress(
                progress.what,
                fraction=progress.fraction,
                detail=progress.detail,
                pause=progress.pause,
            )
        self._detail.render_view(view)

    def _render_failure(self, view: ModelsView) -> None:
        failure = view.list.failure
        if failure is None:
            self._notice.clear()
            return
        ways: tuple[Action, ...] = ()
        if failure.code.startswith(("hub.", "model.gated")):
            settings = Action(
                text="Open settings",
                run=self._model.open_settings,
                tip="Where the token and the offline switch are",
            )
            ways = (settings,)
        self._notice.show_notice("bad", failure.message, failure.hint, actions=ways)

    @Slot()
    def _on_add(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "A folder that holds a model")
        if chosen:
            self._model.add_folder(Path(chosen))

    @Slot()
    def _on_entered(self) -> None:
        text = self._search.text().strip()
        self._model.search(text)
        hint = self._model.view.id_hint
        if hint:
            self._model.choose(hint)
        elif text and is_folder(expanded(text)):
            self._model.add_folder(expanded(text))

    @Slot(str)
    def _on_open_folder(self, folder: str) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(folder))

    @Slot(str)
    def _on_open_link(self, link: str) -> None:
        QDesktopServices.openUrl(QUrl(link, QUrl.ParsingMode.StrictMode))


def build(services: Services) -> Page:
    """Return the page, standing on the real functions."""
    places = services.places
    trash = TrashPorts(
        can_delete=lambda facts: can_delete(facts, places),
        delete=lambda facts: delete_model(facts, places),
        restore=lambda gone: restore_model(gone, places),
    )
    return ModelsPage(ModelsViewModel(ports(services), trash, services.navigator))
