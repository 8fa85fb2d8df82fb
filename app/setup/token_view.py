"""A row as the model sees it: trained tokens coloured and underlined."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from PySide6.QtCore import QEvent
from PySide6.QtGui import QResizeEvent, QTextCharFormat, QTextCursor, QTextOption
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

from app import theme
from app.widgets.text import break_long_runs

_MOST_CHARACTERS: Final = 60_000
_PADDING: Final = 20


class TokenView(QPlainTextEdit):
    """Read-only text in two dresses: learnt, and only read."""

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setAccessibleName("The row as the model sees it")
        self.setProperty("kind", "log")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setUndoRedoEnabled(False)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setFont(theme.monospace())
        self._tokens: tuple[tuple[str, bool], ...] = ()

    def show_tokens(self, tokens: tuple[tuple[str, bool], ...]) -> None:
        """Show (text, is trained) pairs."""
        if tokens != self._tokens:
            self._tokens = tokens
            self._draw()

    def changeEvent(self, event: QEvent) -> None:
        """Recolour when the theme changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()

    def _draw(self) -> None:
        self.clear()
        cursor = QTextCursor(self.document())
        room = _MOST_CHARACTERS
        for is_trained, run in groupby(self._tokens, key=lambda token: token[1]):
            text = break_long_runs("".join(part for part, _ in run))
            cursor.insertText(text[:room], _dress(is_trained=is_trained))
            room -= len(text)
            if room <= 0:
                cursor.insertText(
                    "\n… the rest is not shown.", _dress(is_trained=False)
                )
                break
        self.moveCursor(QTextCursor.MoveOperation.Start)
        self._fit_height()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Be as tall as the text at this width, up to a limit."""
        super().resizeEvent(event)
        self._fit_height()

    def _fit_height(self) -> None:
        # A plain-text document measures its height in lines, not in pixels.
        lines = self.document().size().height()
        needed = round(lines * self.fontMetrics().lineSpacing()) + 2 * _PADDING
        tall = min(max(needed, theme.px(96)), theme.px(340))
        if tall != self.height():
            self.setFixedHeight(tall)


def _dress(*, is_trained: bool) -> QTextCharFormat:
    tokens = theme.current()
    dress = QTextCharFormat()
    dress.setForeground(
        theme.colour(tokens.accent_text if is_trained else tokens.muted)
    )
    if is_trained:
        dress.setBackground(theme.colour(tokens.accent_soft))
        dress.setFontUnderline(True)
        dress.setUnderlineStyle(QTextCharFormat.UnderlineStyle.SingleUnderline)
        dress.setUnderlineColor(theme.colour(tokens.accent_text))
    return dress
