"""A drop-down one can type into: narrows as you type, takes what is not listed too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QWheelEvent
from PySide6.QtWidgets import QComboBox, QCompleter, QLineEdit, QWidget

from app import theme
from app.widgets.text import plain_tip

_MOST_ROWS: Final = 14


class Picker(QComboBox):
    """(key, words) pairs to choose from, found by any part of their words.

    Signals:
        picked (str): the key the person chose; not sent by `show_choice`.
        typed (str): Enter on words that are no option.
    """

    picked = Signal(str)
    typed = Signal(str)

    def __init__(
        self, *, name: str, tip: str, hint: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._shown = ""
        self._options: tuple[tuple[str, str], ...] = ()
        self.setEditable(True)
        self._field = QLineEdit(self)
        self.setLineEdit(self._field)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setMaxVisibleItems(_MOST_ROWS)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.setSizeAdjustPolicy(policy)
        self.setMinimumContentsLength(12)
        completer = QCompleter(self.model(), self)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        completer.setMaxVisibleItems(_MOST_ROWS)
        self.setCompleter(completer)
        self._field.setPlaceholderText(hint)
        for part in (self, self._field):
            part.setAccessibleName(name)
            part.setToolTip(plain_tip(tip))
        self.view().setAccessibleName(f"{name}: choices")
        cast("QWidget", completer.popup()).setAccessibleName(f"{name}: choices")
        self._field.returnPressed.connect(self._on_entered)
        self.activated.connect(self._on_activated)

    def set_options(self, options: Sequence[tuple[str, str]]) -> None:
        """Offer other (key, words) pairs; what is shown stays."""
        if tuple(options) == self._options:
            return
        self._options = tuple(options)
        with QSignalBlocker(self):
            self.clear()
            for key, words in options:
                self.addItem(words, key)
            self.setCurrentIndex(-1)
        self._show_again()

    def show_choice(self, key: str, words: str = "") -> None:
        """Show the option `key`, or `words` in its place; sends nothing."""
        at = next((n for n, (one, _) in enumerate(self._options) if one == key), -1)
        self._shown = words or (self._options[at][1] if at >= 0 else "")
        with QSignalBlocker(self):
            self.setCurrentIndex(at)
        if not self._field.hasFocus():
            self._show_again()

    def minimumSizeHint(self) -> QSize:
        """Return room for a word: long options are cut where space is short."""
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), theme.px(100)), hint.height())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page: scrolling must not change the choice."""
        event.ignore()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Show what is chosen again, after words that were not entered."""
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self._show_again()

    def _show_again(self) -> None:
        if self._field.text() != self._shown:
            with QSignalBlocker(self), QSignalBlocker(self._field):
                self._field.setText(self._shown)
        self._field.setCursorPosition(0)

    def _on_activated(self, at: int) -> None:
        if 0 <= at < len(self._options):
            key, self._shown = self._options[at]
            self.picked.emit(key)

    def _on_entered(self) -> None:
        text = self._field.text().strip()
        if text == self._shown:
            return
        if text and all(words != text for _, words in self._options):
            self.typed.emit(text)
