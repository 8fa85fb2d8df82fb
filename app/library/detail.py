"""One adapter told whole, and everything one can do to it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker, QTimer, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from app import theme
from app.library.present import AdapterDetail
from app.library.viewmodel import LibraryViewModel
from app.widgets.buttons import (
    GhostButton,
    IconButton,
    PrimaryButton,
    SecondaryButton,
)
from app.widgets.card import Card
from app.widgets.layout import STRETCH, FlowLayout, boxed, clear, divider, row
from app.widgets.notice import Notice
from app.widgets.page import PageBody
from app.widgets.tables import KeyValueTable
from app.widgets.text import Text, plain_tip

_TYPING_PAUSE_MS = 800


class DetailPane(QWidget):
    """Paints an `AdapterDetail`; edits go to the view-model as they are made."""

    def __init__(
        self, model: LibraryViewModel, *, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._shown: AdapterDetail | None = None
        self._make_fields()
        self._make_buttons()
        self.problem = Notice()
        self.figures = KeyValueTable()
        self.lineage = KeyValueTable()
        self._tag_flow = FlowLayout(spacing=6)
        card = Card(padding=16)
        for item in (
            row(self.name, self.star, spacing=6),
            self.problem,
            row(self.chat, STRETCH),
            self.figures,
            divider(),
            Text("Tags", "caption"),
            boxed(self._tag_flow),
            self.tag,
            Text("Note", "caption"),
            self.note,
            divider(),
            Text("Where it comes from", "caption"),
            self.lineage,
            divider(),
        ):
            if isinstance(item, QWidget):
                card.add(item)
            else:
                card.body.addLayout(item)
        flow = FlowLayout(spacing=6)
        for button in (self.verify, self.folder, self.run, self.delete):
            flow.addWidget(button)
        card.add(boxed(flow))
        body = PageBody(card, name="Adapter")
        body.column.setContentsMargins(0, 0, 8, 0)
        body.column.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(body)

    def _make_fields(self) -> None:
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the adapter")
        self.name.setToolTip(plain_tip("The adapter's name. Enter keeps it."))
        self.name.setMaxLength(120)
        self.name.editingFinished.connect(self._on_named)
        self.star = IconButton("star", name="Star this adapter")
        self.star.clicked.connect(self._on_starred)
        self.tag = QLineEdit()
        self.tag.setPlaceholderText("Add a tag")
        self.tag.setAccessibleName("Add a tag")
        self.tag.setToolTip(plain_tip("A word to find it by. Enter adds it."))
        self.tag.setMaxLength(50)
        self.tag.returnPressed.connect(self._on_tagged)
        self.note = QPlainTextEdit()
        self.note.setAccessibleName("Note")
        self.note.setToolTip(plain_tip("Anything worth remembering; kept as you type."))
        self.note.setPlaceholderText("What it is good at, what it is not…")
        self.note.setTabChangesFocus(True)
        theme.keep_size(self.note, height=84)
        self._note_pause = QTimer(self)
        self._note_pause.setSingleShot(True)
        self._note_pause.setInterval(_TYPING_PAUSE_MS)
        self._note_pause.timeout.connect(self.keep_note)
        self.note.textChanged.connect(self._note_pause.start)

    def _make_buttons(self) -> None:
        self.chat = PrimaryButton(
            "Try in chat", tip="Opens the chat with the base beside it.", icon="chat"
        )
        self.verify = SecondaryButton(
            "Verify",
            tip="Reads every byte: hashes, shapes and whether each number is finite.",
            icon="check",
        )
        self.folder = SecondaryButton(
            "Open folder", tip="Shows the adapter's files.", icon="folder"
        )
        self.run = SecondaryButton(
            "Show run", tip="Shows the training it came from.", icon="runs"
        )
        self.delete = SecondaryButton(
            "Delete", tip="Moves it to the trash; Undo brings it back.", icon="trash"
        )
        self.chat.clicked.connect(self._with_id(self._model.try_in_chat))
        self.verify.clicked.connect(self._with_id(self._model.verify))
        self.delete.clicked.connect(self._with_id(self._model.delete))
        self.run.clicked.connect(self._on_run)
        self.folder.clicked.connect(self._on_folder)

    def show_detail(self, detail: AdapterDetail) -> None:
        """Paint `detail`. The only place that writes to these widgets."""
        old = self._shown
        if old == detail:
            return
        if old is not None and old.adapter_id != detail.adapter_id:
            self.keep_note()
        another = old is None or old.adapter_id != detail.adapter_id
        self._shown = detail
        if another or not self.name.hasFocus():
            with QSignalBlocker(self.name):
                self.name.setText(detail.name)
                self.name.setCursorPosition(0)  # a long name is read from its start
        if another:
            with QSignalBlocker(self.note):
                self.note.setPlainText(detail.note)
            self._note_pause.stop()
            self.tag.clear()
        self.star.set_icon(
            "star-filled" if detail.starred else "star",
            name="Take the star away" if detail.starred else "Star this adapter",
        )
        if old is None or old.tags != detail.tags or another:
            self._show_tags(detail.tags)
        if detail.problem:
            text = "It is never loaded. Train it again, or delete it."
            self.problem.show_notice("bad", detail.problem, text)
        else:
            self.problem.clear()
        self.figures.show_rows(detail.figures)
        self.lineage.show_rows(detail.lineage)
        self.chat.setEnabled(detail.can_chat)
        self.run.setVisible(bool(detail.run_id))
        self.verify.setEnabled(not detail.is_verifying)
        self.verify.setText("Verifying…" if detail.is_verifying else "Verify")

    @Slot()
    def keep_note(self) -> None:
        """Keep what was typed, now: before another adapter is shown, say."""
        self._note_pause.stop()
        shown = self._shown
        text = self.note.toPlainText()
        if shown is not None and text.strip() != shown.note:
            self._model.set_note(shown.adapter_id, text)

    def _show_tags(self, tags: tuple[str, ...]) -> None:
        clear(self._tag_flow)
        for tag in tags:
            chip = GhostButton(tag, tip=f"Takes the tag “{tag}” away.", icon="close")
            chip.setAccessibleName(f"Remove tag {tag}")
            chip.clicked.connect(self._untagging(tag))
            self._tag_flow.addWidget(chip)
        parent = self._tag_flow.parentWidget()
        if parent is not None:
            parent.setVisible(bool(tags))

    def _with_id(self, act: Callable[[str], None]) -> Callable[[], None]:
        def run() -> None:
            if self._shown is not None:
                act(self._shown.adapter_id)

        return run

    def _untagging(self, tag: str) -> Callable[[], None]:
        def run() -> None:
            if self._shown is not None:
                self._model.remove_tag(self._shown.adapter_id, tag)

        return run

    @Slot()
    def _on_named(self) -> None:
        shown, name = self._shown, self.name.text().strip()
        if shown is None:
            return
        if not name:
            self.name.setText(shown.name)
        elif name != shown.name:
            self._model.rename(shown.adapter_id, name)

    @Slot()
    def _on_starred(self) -> None:
        if self._shown is not None:
            starred = not self._shown.starred
            self._model.star(self._shown.adapter_id, starred=starred)

    @Slot()
    def _on_tagged(self) -> None:
        tag = self.tag.text().strip()
        if self._shown is not None and tag:
            self._model.add_tag(self._shown.adapter_id, tag)
            self.tag.clear()

    @Slot()
    def _on_run(self) -> None:
        if self._shown is not None:
            self._model.open_run(self._shown.run_id)

    @Slot()
    def _on_folder(self) -> None:
        if self._shown is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(self._shown.folder))
