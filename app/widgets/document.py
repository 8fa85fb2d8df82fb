"""Longer texts from outside, shown without trusting them.

Qt's rich text would read images from disk and the network share a name points at,
and takes minutes over one unbroken line of a megabyte; none of that here.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import (
    QFontMetrics,
    QImage,
    QTextBlock,
    QTextBlockFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextOption,
)
from PySide6.QtWidgets import (
    QFrame,
    QPlainTextEdit,
    QSizePolicy,
    QTextBrowser,
    QWidget,
)

from app import theme
from app.widgets.text import break_long_runs

_LINE_PERCENT: Final = 118.0

LONGEST_TEXT: Final = 200_000
"""Characters shown; the rest is replaced by a line that says how much there is."""


def shortened(text: str, *, longest: int = LONGEST_TEXT) -> str:
    """Return `text` cut after `longest` characters, saying so, and no long runs."""
    if len(text) > longest:
        rest = len(text) - longest
        text = f"{text[:longest]}\n… {rest} more characters are not shown."
    return break_long_runs(text)


class SafeText(QPlainTextEdit):
    """Foreign text, read-only, selectable, never markup."""

    def __init__(
        self,
        text: str = "",
        *,
        name: str,
        monospace: bool = False,
        framed: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setAccessibleName(name)
        self.setProperty("kind", "log" if framed else "plain")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        if monospace:
            self.setFont(theme.monospace())
        self.show_text(text)

    def show_text(self, text: str) -> None:
        """Show `text`."""
        self.setPlainText(shortened(text))


class MarkdownView(QTextBrowser):
    """Markdown without HTML, images or link opening; as tall as its text.

    Signals:
        anchorClicked (QUrl): a link was clicked; nothing was opened.
    """

    def __init__(
        self, text: str = "", *, name: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setProperty("kind", "plain")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)
        layout = self.document().documentLayout()
        layout.documentSizeChanged.connect(self._fit_height)
        self._shown: str | None = None
        self.show_text(text)

    def show_text(self, text: str) -> None:
        """Show `text`; the same text again costs nothing."""
        if text == self._shown:
            return
        self._shown = text
        features = (
            QTextDocument.MarkdownFeature.MarkdownNoHTML
            | QTextDocument.MarkdownFeature.MarkdownDialectGitHub
        )
        self.document().setMarkdown(shortened(text), features)
        self._give_air()
        self._fit_height()

    def loadResource(self, type: int, name: QUrl | str) -> object:  # noqa: A002
        """Load nothing: a name in a model's answer must not reach disk or network.

        No answer, or one that is no picture, would not do: Qt then opens the file by
        itself. So it gets a picture of nothing.
        """
        del type, name
        nothing = QImage(1, 1, QImage.Format.Format_ARGB32)
        nothing.fill(Qt.GlobalColor.transparent)
        return nothing

    def _give_air(self) -> None:
        """Set lines and paragraphs apart: Markdown as Qt reads it has no margins."""
        cursor = QTextCursor(self.document())
        block = self.document().begin()
        while block.isValid():
            following = block.next()
            cursor.setPosition(block.position())
            if cursor.currentTable() is None:  # pyright: ignore[reportUnnecessaryComparison]
                shape = block.blockFormat()
                shape.setLineHeight(
                    _LINE_PERCENT,
                    QTextBlockFormat.LineHeightTypes.ProportionalHeight.value,
                )
                shape.setBottomMargin(_room_below(block, following))
                # Code as Qt reads it never wraps: its end would be out of sight.
                shape.setNonBreakableLines(False)
                cursor.setBlockFormat(shape)
            block = following

    def _fit_height(self) -> None:
        least = QFontMetrics(self.font()).lineSpacing()
        self.setFixedHeight(max(least, int(self.document().size().height())) + 6)


def _room_below(block: QTextBlock, following: QTextBlock) -> int:
    """Return the pixels between `block` and the `following` one, which may be none."""
    if not following.isValid():
        return 0
    if _is_code(block) and _is_code(following):
        return 0
    is_listed = block.textList() is not None  # pyright: ignore[reportUnnecessaryComparison]
    return 3 if is_listed else 8


def _is_code(block: QTextBlock) -> bool:
    return block.blockFormat().hasProperty(QTextFormat.Property.BlockCodeFence.value)
