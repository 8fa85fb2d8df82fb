"""Where the prompt is written: Enter sends, Shift+Enter begins a line."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app.chat.views import ChatView
from app.widgets.buttons import PrimaryButton, SecondaryButton
from app.widgets.layout import STRETCH, column, row
from app.widgets.text import plain_tip

_MOST_LINES = 8


class PromptField(QPlainTextEdit):
    """Grows with its text up to eight lines.

    Signals:
        submitted (): Enter was pressed.
    """

    submitted = Signal()

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Prompt")
        self.setPlaceholderText("Ask all of them at once")
        self.setToolTip(plain_tip("Enter sends, Shift+Enter begins a new line."))
        self.setTabChangesFocus(True)
        self.textChanged.connect(self._fit)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Send on Enter; anything else is text."""
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.submitted.emit()
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Grow where narrower lines are more lines."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Grow with the letters."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()

    def sizeHint(self) -> QSize:
        """Return the height its lines need."""
        return QSize(400, self.height())

    def _fit(self) -> None:
        line = QFontMetrics(self.font()).lineSpacing()
        wanted = max(int(self.document().size().height()), 1)
        # Qt would show a scroll bar for the pixel that rounding takes away.
        policy = Qt.ScrollBarPolicy
        fits = wanted <= _MOST_LINES
        self.setVerticalScrollBarPolicy(
            policy.ScrollBarAlwaysOff if fits else policy.ScrollBarAsNeeded
        )
        self.setFixedHeight(min(wanted, _MOST_LINES) * line + 20)


class Composer(QWidget):
    """The field, and what sends, stops or repeats.

    Signals:
        sent (str): the person wants this asked; `clear` if it was taken.
        stopped (): no more words.
        redo_wanted (): the last prompt again.
        edit_wanted (): the last prompt back into the field.
    """

    sent = Signal(str)
    stopped = Signal()
    redo_wanted = Signal()
    edit_wanted = Signal()

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = PromptField()
        self.field.submitted.connect(self._on_send)
        self.send = PrimaryButton("Send", tip="Sends the prompt (Enter).", icon="send")
        self.send.clicked.connect(self._on_send)
        self.stop = SecondaryButton(
            "Stop", tip="Ends the answers; what was said stands (Esc).", icon="stop"
        )
        self.stop.clicked.connect(self.stopped)
        self.redo = SecondaryButton(
            "Again",
            tip="Answers the last prompt again with the settings of now.",
            icon="refresh",
        )
        self.redo.clicked.connect(self.redo_wanted)
        self.edit = SecondaryButton(
            "Edit", tip="Takes the last prompt back to be changed.", icon="edit"
        )
        self.edit.clicked.connect(self.edit_wanted)
        buttons = row(self.edit, self.redo, STRETCH, self.stop, self.send)
        lines = column(self.field, buttons)
        lines.setContentsMargins(32, 8, 24, 16)
        self.setLayout(lines)

    def render_view(self, view: ChatView) -> None:
        """Offer what can be done now."""
        self.send.setVisible(not view.is_answering)
        self.send.setEnabled(view.can_send)
        self.send.set_tip(view.send_tip)
        self.stop.setVisible(view.is_answering)
        self.redo.setVisible(view.can_take_back)
        self.redo.setEnabled(view.can_redo)
        self.edit.setVisible(view.can_take_back)

    def put_back(self, prompt: str) -> None:
        """Put `prompt` into the field, to be edited; what stood there is kept below."""
        rest = self.field.toPlainText().strip()
        self.field.setPlainText(f"{prompt}\n{rest}" if rest else prompt)
        self.field.setFocus()

    @Slot()
    def _on_send(self) -> None:
        if self.send.isEnabled() and self.field.toPlainText().strip():
            self.sent.emit(self.field.toPlainText())
