"""The Library page: find an adapter, understand it, tidy up."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, Slot
from PySide6.QtGui import QHideEvent, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QStackedLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app import theme
from app.library.detail import DetailPane
from app.library.present import SORTS, LibraryView
from app.library.shelves import COLUMNS, AdapterModel, made_cards, made_table
from app.library.viewmodel import LibraryViewModel
from app.services import Services
from app.widgets.buttons import GhostButton, PrimaryButton, SecondaryButton
from app.widgets.card import Card
from app.widgets.fields import Choice, SearchField, Segmented, keep_narrow
from app.widgets.layout import FlowLayout, boxed, column
from app.widgets.notice import Notice
from app.widgets.page import EmptyState, Page, PageHeader
from app.widgets.text import Text, plain_tip
from app.widgets.trash_panel import TrashPanel, TrashRow
from core.errors import TunesmithError


def build(services: Services) -> LibraryPage:
    """Return the page with a view-model of its own."""
    model = LibraryViewModel(services.places, services.navigator)
    page = LibraryPage(model)
    model.setParent(page)
    return page


class LibraryPage(Page):
    """Paints what `LibraryViewModel` publishes and passes clicks to it."""

    def __init__(
        self, model: LibraryViewModel, *, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._make_header()
        self._make_filters()
        self._make_shelves()
        self.detail = DetailPane(model)
        theme.keep_size(self.detail, width=360)
        self.trash = TrashPanel(things="adapters", back_to="Library")
        self.trash.left.connect(self._leave_trash)
        self.trash.restore_wanted.connect(model.restore)
        self.trash.empty_wanted.connect(model.empty_trash)
        self.stack = QStackedWidget()
        self._front = self._made_front()
        self.stack.addWidget(self._front)
        self.stack.addWidget(self.trash)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.stack)
        model.changed.connect(self.render_view)
        model.failed.connect(self._on_failed)
        model.told.connect(self._on_told)
        model.publish()

    def _make_header(self) -> None:
        self.trash_button = GhostButton(
            "Trash", tip="Deleted adapters, and the way back.", icon="trash"
        )
        self.trash_button.clicked.connect(self._enter_trash)
        self.look = Segmented((("table", "Table"), ("cards", "Cards")), name="Shown as")
        self.look.picked.connect(self._on_look)
        self.header = PageHeader("Library", actions=(self.trash_button, self.look))
        self.notice = Notice(closable=True)

    def _make_filters(self) -> None:
        self.search = SearchField(
            "Search adapters", tip="Names, tags, notes and base models."
        )
        self.search.setMinimumWidth(220)
        self.search.searched.connect(self._model.search)
        self.base = Choice(name="Base model", tip="Adapters of one base alone.")
        self.base.picked.connect(self._on_base)
        keep_narrow(self.base, letters=16)
        self.tag = Choice(name="Tag", tip="Adapters with one tag alone.")
        self.tag.picked.connect(self._on_tag)
        keep_narrow(self.tag, letters=10)
        self.sort = Choice(SORTS, name="Order", tip="What stands first.")
        self.sort.picked.connect(self._on_sort)
        self.starred = QCheckBox("Starred")
        self.starred.setToolTip(plain_tip("Starred adapters alone."))
        self.starred.toggled.connect(self._model.show_starred)
        self.damaged = QCheckBox("Damaged")
        self.damaged.setToolTip(plain_tip("Adapters that cannot be loaded alone."))
        self.damaged.toggled.connect(self._model.show_damaged)
        flow = FlowLayout(spacing=12)
        for one in (
            self.search, self.base, self.tag, self.sort, self.starred, self.damaged
        ):  # fmt: skip
            one.setMinimumHeight(theme.px(32))  # on one line, middle beside middle
            flow.addWidget(one)
        self._filters = boxed(flow)

    def _make_shelves(self) -> None:
        self.adapters = AdapterModel(self)
        self.table = made_table(self.adapters)
        self.cards = made_cards(self.adapters)
        # one selection for both looks: what is chosen stays so in the other
        self.cards.setSelectionModel(self.table.selectionModel())
        self.table.selectionModel().currentRowChanged.connect(self._on_row)
        self.table.doubleClicked.connect(self._on_double)
        self.cards.doubleClicked.connect(self._on_double)
        self.table.horizontalHeader().sectionClicked.connect(self._on_header)
        self._sheet = Card(padding=8)
        self._sheet.add(self.table, stretch=1)
        begin = PrimaryButton("Train one", tip="Goes to the Train page.", icon="train")
        begin.clicked.connect(self._model.start_training)
        self.empty = EmptyState(
            icon="library",
            title="No adapter yet",
            text="Each training that ends leaves its adapter here, with where it came"
            " from and how good it is.",
            actions=(begin,),
        )
        again = SecondaryButton(
            "Show all", tip="Takes search and filters away.", icon="reset"
        )
        again.clicked.connect(self._show_all)
        self.nothing = EmptyState(
            icon="search", title="No adapter fits", actions=(again,)
        )
        self.loading = Text("Looking at the shelves…", "muted")
        self.loading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._shelf = QStackedLayout()
        for widget in (
            self._sheet, self.cards, self.empty, self.nothing, self.loading,
        ):  # fmt: skip
            self._shelf.addWidget(widget)

    def _made_front(self) -> QWidget:
        page = column(self.header, self.notice, self._filters, spacing=16)
        page.setContentsMargins(32, 28, 24, 16)
        middle = QHBoxLayout()
        middle.setSpacing(16)
        middle.addLayout(self._shelf, 1)
        middle.addWidget(self.detail)
        page.addLayout(middle, 1)
        return boxed(page)

    def open_with(self, argument: object) -> None:
        """Show the adapter with this id."""
        self._leave_trash()
        if isinstance(argument, str) and argument:
            self._show_all()
            self._model.choose(argument)
            self._model.refresh()

    def shut_down(self) -> None:
        """Keep what is being typed, and want no answers any more."""
        self.detail.keep_note()
        self._model.shut_down()

    @Slot(object)
    def render_view(self, view: LibraryView) -> None:
        """Paint `view`. The only place that writes to these widgets."""
        self.header.set_text("Library", view.subtitle)
        self.trash_button.setText(view.trash_text or "Trash")
        self._filters.setVisible(not view.is_empty and not view.is_loading)
        self.look.setVisible(not view.is_empty)
        self.base.set_options((("", "Every base"), *((b, b) for b in view.bases)))
        self.base.set_key(view.filters.base)
        self.tag.set_options((("", "Every tag"), *((t, t) for t in view.tags)))
        self.tag.set_key(view.filters.tag)
        self.tag.setVisible(bool(view.tags))
        self.sort.set_key(view.filters.sort)
        self.damaged.setVisible(view.has_damaged or view.filters.only_damaged)
        self.adapters.show_rows(view.rows)
        self._select(view.detail.adapter_id if view.detail else "")
        self.detail.setVisible(view.detail is not None)
        self._hide_columns()
        if view.detail is not None:
            self.detail.show_detail(view.detail)
        self._shelf.setCurrentWidget(self._fitting(view))
        self.trash.show_rows(
            [
                TrashRow(
                    key=one.adapter_id,
                    name=one.name,
                    detail=f"{one.base} · {one.method} · {one.size}",
                )
                for one in view.trash
            ]
        )

    def _hide_columns(self) -> None:
        """Leave to the detail what stands there as well, where room is short.

        A name and its tags come first: without them no row can be told from another.
        """
        is_wide = self.width() >= theme.px(1000)
        is_narrow = self.width() < theme.px(760)
        hidden: tuple[int, ...] = () if is_wide else (1, 2, 4) if is_narrow else (2, 4)
        if self.detail.isVisibleTo(self._front):
            hidden = (2, 5) if is_wide else (1, 2, 4, 5)
        for column_at in range(1, len(COLUMNS)):
            self.table.setColumnHidden(column_at, column_at in hidden)

    def _fitting(self, view: LibraryView) -> QWidget:
        if view.is_loading:
            return self.loading
        if view.is_empty:
            return self.empty
        if not view.rows:
            return self.nothing
        return self.cards if self.look.key == "cards" else self._sheet

    def _select(self, adapter_id: str) -> None:
        selection = self.table.selectionModel()
        wanted = self.adapters.index_of(adapter_id)
        if not wanted.isValid():
            selection.clear()
            return
        if selection.currentIndex().row() != wanted.row() or not selection.isSelected(
            wanted
        ):
            flags = QItemSelectionModel.SelectionFlag
            selection.setCurrentIndex(wanted, flags.ClearAndSelect | flags.Rows)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as many columns as there is room for."""
        super().resizeEvent(event)
        self._hide_columns()

    def showEvent(self, event: QShowEvent) -> None:
        """Read the shelves again: a training may have ended."""
        super().showEvent(event)
        self._model.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        """Keep what is being typed."""
        super().hideEvent(event)
        self.detail.keep_note()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape leaves the trash, then the detail; Delete deletes."""
        if event.key() == Qt.Key.Key_Escape:
            if self.stack.currentWidget() is self.trash:
                self._leave_trash()
                return
            if self.detail.isVisible():
                self._model.choose("")
                return
        on_shelf = self.table.hasFocus() or self.cards.hasFocus()
        if event.key() == Qt.Key.Key_Delete and on_shelf:
            index = self.table.currentIndex()
            if index.isValid():
                self._model.delete(self.adapters.id_at(index))
                return
        super().keyPressEvent(event)

    @Slot(QModelIndex, QModelIndex)
    def _on_row(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self._model.choose(self.adapters.id_at(current))

    @Slot(QModelIndex)
    def _on_double(self, index: QModelIndex) -> None:
        if index.isValid():
            self._model.try_in_chat(self.adapters.id_at(index))

    @Slot(int)
    def _on_header(self, column_at: int) -> None:
        for at, key in ((0, "name"), (3, "loss"), (4, "size"), (5, "newest")):
            if at == column_at:
                self._on_sort(key)

    @Slot(str)
    def _on_sort(self, key: str) -> None:
        for sort, _ in SORTS:
            if sort == key:
                self._model.sort_by(sort)

    @Slot()
    def _on_base(self) -> None:
        self._model.show_base(self.base.key)

    @Slot()
    def _on_tag(self) -> None:
        self._model.show_tag(self.tag.key)

    @Slot()
    def _on_look(self) -> None:
        self._model.publish()

    @Slot()
    def _show_all(self) -> None:
        self.search.clear()
        self.starred.setChecked(False)
        self.damaged.setChecked(False)
        self._model.show_all()

    @Slot()
    def _enter_trash(self) -> None:
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.stack.setCurrentWidget(self.trash)

    @Slot()
    def _leave_trash(self) -> None:
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.stack.setCurrentWidget(self._front)

    @Slot(object)
    def _on_failed(self, error: TunesmithError) -> None:
        self.notice.show_notice("bad", error.message, error.hint)

    @Slot(str)
    def _on_told(self, text: str) -> None:
        self.notice.show_notice("good", text)
