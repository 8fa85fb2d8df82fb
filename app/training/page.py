"""The Runs page: the list, one run, or several compared."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QStackedLayout, QStackedWidget, QVBoxLayout, QWidget

from app.services import Services
from app.training.compare_panel import ComparePanel
from app.training.overview import RunsView
from app.training.run_list import RunList
from app.training.run_panel import RunPanel
from app.training.viewmodel import RunsViewModel
from app.widgets.buttons import GhostButton, PrimaryButton, SecondaryButton
from app.widgets.card import Card
from app.widgets.fields import SearchField
from app.widgets.layout import STRETCH, boxed, column, row
from app.widgets.notice import Notice
from app.widgets.page import EmptyState, Page, PageHeader
from app.widgets.text import Text
from app.widgets.trash_panel import TrashPanel, TrashRow
from core.errors import TunesmithError
from core.units import bytes_text


def build(services: Services) -> RunsPage:
    """Return the page with a view-model of its own."""
    model = RunsViewModel(services.places, services.navigator, services.launcher)
    page = RunsPage(model)
    model.setParent(page)
    return page


class RunsPage(Page):
    """Paints what `RunsViewModel` publishes and passes clicks to it."""

    def __init__(self, model: RunsViewModel, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.panel = RunPanel(model.run)
        self.comparison = ComparePanel(model)
        self.stack = QStackedWidget()
        self._list_page = self._made_list()
        self.trash = TrashPanel(things="runs", back_to="All runs")
        self.trash.left.connect(self.show_list)
        self.trash.restore_wanted.connect(model.restore)
        self.trash.empty_wanted.connect(model.empty_trash)
        for page in (self._list_page, self.panel, self.comparison, self.trash):
            self.stack.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.stack)
        self.panel.left.connect(self.show_list)
        self.comparison.left.connect(self.show_list)
        model.changed.connect(self.render_view)
        model.compared.connect(self._on_compared)
        model.run_wanted.connect(self._on_run_wanted)
        model.run.left.connect(self.show_list)
        model.run.failed.connect(self._on_failed)
        model.failed.connect(self._on_failed)
        model.publish()

    def _made_list(self) -> QWidget:
        new = PrimaryButton(
            "New run", tip="Goes to the Train page (Ctrl+N).", icon="plus"
        )
        new.clicked.connect(self._model.start_new)
        self.compare = SecondaryButton(
            "Compare", tip="Pick two to eight runs to lay side by side.", icon="columns"
        )
        self.compare.setCheckable(True)
        self.compare.toggled.connect(self._on_comparing)
        self.compare_now = PrimaryButton("Compare these", tip="", icon="check")
        self.compare_now.clicked.connect(self._model.compare)
        self.compare_now.hide()
        self.trash_button = GhostButton(
            "Trash", tip="Deleted runs, and the way back.", icon="trash"
        )
        self.trash_button.clicked.connect(self._on_trash)
        self.header = PageHeader(
            "Runs", actions=(self.trash_button, self.compare_now, self.compare, new)
        )
        self.search = SearchField("Search runs", tip="Names, models, methods, states.")
        self.search.searched.connect(self._model.search)
        self.notice = Notice(closable=True)
        self.runs = RunList()
        self.runs.opened.connect(self._model.show_run)
        self.runs.ticked.connect(self._model.select)
        begin = PrimaryButton(
            "Start a run", tip="Goes to the Train page.", icon="train"
        )
        begin.clicked.connect(self._model.start_new)
        self.empty = EmptyState(
            icon="runs",
            title="No runs yet",
            text="Pick a model and some data on the Train page. Every run stays here"
            " with its curve, also while the window is closed.",
            actions=(begin,),
        )
        self.nothing = Text("No run fits these words.", "muted")
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.loading = Text("Looking for runs…", "muted")
        self.loading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._middle = QStackedLayout()
        self._sheet = Card(padding=8)
        self._sheet.add(self.runs, stretch=1)
        for widget in (self._sheet, self.empty, self.nothing, self.loading):
            self._middle.addWidget(widget)
        self._search_row = boxed(row(self.search, STRETCH))
        self.search.setMinimumWidth(320)
        page = column(self.header, self.notice, self._search_row, spacing=16, margins=0)
        page.setContentsMargins(32, 28, 32, 16)
        page.addLayout(self._middle, 1)
        return boxed(page)

    def open_with(self, argument: object) -> None:
        """Show the run with this id; anything else shows the list."""
        if isinstance(argument, str) and argument:
            self._model.show_run(argument)
        else:
            self.show_list()

    def shut_down(self) -> None:
        """End the threads that follow runs; the runs themselves go on."""
        self._model.shut_down()

    @Slot()
    def show_list(self) -> None:
        """Go back to the list."""
        self._model.run.close()
        self._show(self._list_page)
        self._model.refresh()

    def _show(self, page: QWidget) -> None:
        # Else Qt hands the focus to the first button, and its ring means nothing.
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.stack.setCurrentWidget(page)

    @Slot(object)
    def render_view(self, view: RunsView) -> None:
        """Paint `view`. The only place that writes to the list's widgets."""
        self.header.set_text("Runs", view.subtitle)
        self._search_row.setVisible(not view.is_empty)
        self.compare.setVisible(not view.is_empty)
        self.compare_now.setEnabled(view.can_compare)
        self.compare_now.set_tip(view.compare_tip)
        self.runs.show_rows(view.rows)
        self.trash_button.setText(view.trash_text)
        self.trash.show_rows(
            [
                TrashRow(key=run.run_id, name=run.name, detail=bytes_text(run.size))
                for run in view.trash
            ]
        )
        if view.is_loading:
            self._middle.setCurrentWidget(self.loading)
        elif view.is_empty:
            self._middle.setCurrentWidget(self.empty)
        else:
            found = self._sheet if view.rows else self.nothing
            self._middle.setCurrentWidget(found)

    def showEvent(self, event: QShowEvent) -> None:
        """Keep the list fresh while somebody looks."""
        super().showEvent(event)
        self._model.watch(True)  # noqa: FBT003 - a setter

    def hideEvent(self, event: QHideEvent) -> None:
        """Read nothing for nobody."""
        super().hideEvent(event)
        self._model.watch(False)  # noqa: FBT003 - a setter

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape goes back to the list."""
        if event.key() == Qt.Key.Key_Escape:
            if self.stack.currentWidget() is not self._list_page:
                self.show_list()
                return
            if self.compare.isChecked():
                self.compare.setChecked(False)
                return
        super().keyPressEvent(event)

    @Slot(bool)
    def _on_comparing(self, comparing: bool) -> None:  # noqa: FBT001 - Qt's signal
        self.runs.set_ticking(comparing)
        self.compare_now.setVisible(comparing)
        self.compare.setText("Cancel" if comparing else "Compare")
        self.compare.set_icon("close" if comparing else "columns")

    @Slot(object)
    def _on_compared(self, _view: object) -> None:
        self._show(self.comparison)

    @Slot(str)
    def _on_run_wanted(self, _run_id: str) -> None:
        self.notice.clear()
        self._show(self.panel)

    @Slot()
    def _on_trash(self) -> None:
        self._show(self.trash)

    @Slot(object)
    def _on_failed(self, error: TunesmithError) -> None:
        self.notice.show_notice("bad", error.message, error.hint)
