"""The chosen model: what it is, what it needs here, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.models.present import Detail, ModelsView
from app.widgets.badge import Badge
from app.widgets.buttons import GhostButton, PrimaryButton, SecondaryButton
from app.widgets.card import Card
from app.widgets.layout import STRETCH, FlowLayout, clear, column
from app.widgets.notice import Notice
from app.widgets.tables import KeyValueTable
from app.widgets.text import Text

_WIDTH = 340


class DetailCard(Card):
    """Facts, fit and actions.

    Signals:
        train_requested (): start a run with it.
        fetch_requested (): unpack or download it.
        delete_requested (): move it to the trash, or forget it.
        folder_requested (str): open this folder in the desktop's file manager.
        licence_requested (str): open this page in the browser.
    """

    train_requested = Signal()
    fetch_requested = Signal()
    delete_requested = Signal()
    folder_requested = Signal(str)
    licence_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(_WIDTH)
        self._shown: Detail | None = None
        self._licence = ""
        self._hint = Text(
            "Choose a model to see what it is and whether it fits this machine.",
            "muted",
            wrap=True,
        )
        self._name = Text("", "heading", wrap=True, selectable=True)
        self._badges = FlowLayout(spacing=6)
        holder = QWidget()
        holder.setLayout(self._badges)
        self._notice = Notice()
        self._facts = KeyValueTable()
        self._make_buttons()
        self._lay_out(holder)

    def _make_buttons(self) -> None:
        self._train = PrimaryButton(
            "Train with it", tip="Start a new run", icon="train"
        )
        self._train.clicked.connect(self.train_requested)
        self._fetch = SecondaryButton("Download", tip="Fetch it", icon="download")
        self._fetch.clicked.connect(self.fetch_requested)
        self._link = GhostButton(
            "Licence and page", tip="Opens its page on huggingface.co in the browser"
        )
        self._link.clicked.connect(self._on_link)
        self._folder = SecondaryButton(
            "Open folder", tip="Shows its files in the file manager", icon="folder"
        )
        self._folder.clicked.connect(self._on_folder)
        self._delete = SecondaryButton("Delete", tip="To the trash", icon="trash")
        self._delete.clicked.connect(self.delete_requested)

    def _lay_out(self, holder: QWidget) -> None:
        inner = QWidget()
        parts = column(
            self._name, holder, self._notice, self._facts, STRETCH, spacing=12
        )
        inner.setLayout(parts)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(inner)
        self.body.addWidget(self._hint, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addWidget(self._scroll, 1)
        self.foot = QVBoxLayout()
        for button in (
            self._train,
            self._fetch,
            self._link,
            self._folder,
            self._delete,
        ):
            self.foot.addWidget(button)
        self.body.addLayout(self.foot)

    def render_view(self, view: ModelsView) -> None:
        """Paint the chosen model of `view`."""
        detail = view.detail
        self._hint.setVisible(detail is None)
        self._scroll.setVisible(detail is not None)
        for button in (
            self._train,
            self._fetch,
            self._link,
            self._folder,
            self._delete,
        ):
            button.setVisible(detail is not None)
        if detail is None:
            self._shown = None
            return
        self._show_state(view, detail)
        if detail != self._shown:
            self._shown = detail
            self._show_facts(detail)

    def _show_state(self, view: ModelsView, detail: Detail) -> None:
        shown = view.list
        self._licence = shown.licence_url
        self._link.setVisible(bool(shown.licence_url))
        self._fetch.setVisible(shown.way != "none")
        self._fetch.setText(shown.way_text or "Download")
        self._fetch.set_tip(shown.way_tip or shown.chosen_text)
        is_plain = shown.chosen_tone == "good"
        self._notice.setVisible(not is_plain)
        if not is_plain:
            self._notice.show_notice(
                shown.chosen_tone, shown.chosen_title, shown.chosen_text
            )
        self._train.setEnabled(detail.can_train)
        self._train.set_tip(detail.train_tip)

    def _show_facts(self, detail: Detail) -> None:
        self._name.setText(detail.name)
        clear(self._badges)
        for badge in detail.badges:
            self._badges.addWidget(Badge(badge.text, badge.tone, tip=badge.tip))
        self._facts.show_rows(detail.rows)
        self._folder.setVisible(bool(detail.folder))
        self._delete.setVisible(bool(detail.delete_word))
        self._delete.setText(detail.delete_word)
        self._delete.set_tip(detail.delete_tip)

    def _on_folder(self) -> None:
        if self._shown is not None:
            self.folder_requested.emit(self._shown.folder)

    def _on_link(self) -> None:
        self.licence_requested.emit(self._licence)
