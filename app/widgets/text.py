"""Labels that show text as text.

Names, paths, errors and model output come from outside, and `QLabel` would guess at
HTML in them; so everything here is plain text.
"""

from __future__ import annotations

from typing import Final, Literal

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app import theme

Role = Literal[
    "body", "muted", "caption", "strong", "heading", "title", "error", "figure"
]

# Qt lays out one unbroken run of 1 MB in minutes, but in 1,000-character lines in
# 0.05 s; nobody reads a longer run as one word anyway.
LONGEST_RUN: Final = 1000
LONGEST_LABEL: Final = 20_000
"""Characters a label shows; longer texts belong into `app.widgets.document`."""


def break_long_runs(text: str, *, longest: int = LONGEST_RUN) -> str:
    """Return `text` with a line break inside every line longer than `longest`."""
    if len(text) <= longest:
        return text
    lines: list[str] = []
    for line in text.split("\n"):
        if len(line) <= longest:
            lines.append(line)
            continue
        lines.extend(line[at : at + longest] for at in range(0, len(line), longest))
    return "\n".join(lines)


class Text(QLabel):
    """A label in one of the roles; wraps where asked; never reads markup."""

    def __init__(
        self,
        text: str = "",
        role: Role = "body",
        *,
        wrap: bool = False,
        selectable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._heights: dict[int, int] = {}
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setWordWrap(wrap)
        if selectable:
            self.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse
                | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
            self.setCursor(Qt.CursorShape.IBeamCursor)
        if wrap:
            policy = QSizePolicy(
                QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum
            )
            policy.setHeightForWidth(True)
            self.setSizePolicy(policy)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show `text`; a run too long for Qt's layout is broken, a book is cut."""
        if len(text) > LONGEST_LABEL:
            text = text[:LONGEST_LABEL] + "…"
        self._heights.clear()
        super().setText(break_long_runs(text))

    def heightForWidth(self, width: int) -> int:
        """Return the height at `width`, measured once: layouts ask again and again."""
        if width not in self._heights:
            self._heights[width] = super().heightForWidth(width)
        return self._heights[width]

    def changeEvent(self, event: QEvent) -> None:
        """Measure anew in another font or style."""
        self._heights.clear()
        super().changeEvent(event)

    def set_role(self, role: Role) -> None:
        """Dress the label as `role`."""
        if self.property("role") == role:
            return
        self.setProperty("role", role)
        theme.repolish(self)


class ElidedLabel(QLabel):
    """One line that ends in "…" where there is no room; the whole is its tooltip."""

    def __init__(
        self,
        text: str = "",
        role: Role = "body",
        *,
        elide: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._tip = ""
        self._elide = elide
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(40)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show the first line of `text`."""
        super().setText(text.split("\n", 1)[0][:LONGEST_RUN])
        self._tell_whole()
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Return the room the whole line would like."""
        metrics = QFontMetrics(self.font())
        return QSize(metrics.horizontalAdvance(self.text()) + 4, metrics.height() + 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint as much as fits."""
        del event
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        metrics = painter.fontMetrics()
        shown = metrics.elidedText(self.text(), self._elide, self.width())
        painter.drawText(
            self.rect(),
            int(Qt.AlignmentFlag.AlignVCenter | self.alignment()),
            shown,
        )
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Offer the whole text as tooltip only while some of it is hidden."""
        super().resizeEvent(event)
        self._tell_whole()

    def changeEvent(self, event: QEvent) -> None:
        """Measure again when the font changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()

    def set_tip(self, tip: str) -> None:
        """Say `tip` on hover, whether all of the text shows or not."""
        self._tip = tip
        self._tell_whole()

    def _tell_whole(self) -> None:
        if self._tip:
            self.setToolTip(plain_tip(self._tip))
            return
        hidden = QFontMetrics(self.font()).horizontalAdvance(self.text()) > self.width()
        self.setToolTip(plain_tip(self.text()) if hidden else "")


def plain_tip(text: str) -> str:
    """Return `text` as a tooltip Qt wraps and does not read as markup."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "<qt>" + escaped.replace("\n", "<br>") + "</qt>"
