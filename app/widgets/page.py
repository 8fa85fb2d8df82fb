"""The frame every page shares: a header, a scrolled body, an inviting emptiness."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app import theme
from app.widgets.layout import STRETCH, add, column, row
from app.widgets.text import Text


class Page(QWidget):
    """What the window shows for one place in the rail.

    The frame calls these; override what the page needs.
    """

    def open_with(self, argument: object) -> None:
        """Show what `argument` names; called on `Navigator.open(key, argument)`."""

    def shut_down(self) -> None:
        """Let go of threads and children; called once, before the window is gone."""


class PageHeader(QWidget):
    """The page's name, a sentence on what it answers, and its actions at the right."""

    def __init__(
        self,
        title: str,
        subtitle: str = "",
        *,
        actions: Sequence[QWidget] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.title = Text(title, "title")
        self.subtitle = Text(subtitle, "muted", wrap=True)
        words = column(self.title, self.subtitle, spacing=4)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(8)
        for action in actions:
            self.buttons.addWidget(action)
        line = row(spacing=16)
        add(line, words, stretch=1)
        line.addLayout(self.buttons)
        line.setAlignment(self.buttons, Qt.AlignmentFlag.AlignTop)
        self.setLayout(line)
        self.subtitle.setVisible(bool(subtitle))

    def set_text(self, title: str, subtitle: str = "") -> None:
        """Show another `title` and `subtitle`."""
        self.title.setText(title)
        self.subtitle.setText(subtitle)
        self.subtitle.setVisible(bool(subtitle))


class PageBody(QScrollArea):
    """A page's content: scrolled, with margins, and never wider than is readable.

    Add to `column`; it ends with free room unless an item is given a stretch.
    """

    def __init__(
        self,
        *items: object,
        widest: int = 1120,
        name: str = "Page",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(name)
        inner = QWidget()
        inner.setMaximumWidth(widest)
        inner.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.column = QVBoxLayout(inner)
        self.column.setContentsMargins(32, 28, 32, 32)
        self.column.setSpacing(24)
        for item in items:
            add(self.column, item)
        outer = QWidget()
        # A paragraph's least height is that of its narrowest shape; asked for all at
        # once they would leave an empty screen below the last card.
        outer.setMinimumHeight(1)
        centred = QHBoxLayout(outer)
        centred.setContentsMargins(0, 0, 0, 0)
        centred.addStretch(1)
        centred.addWidget(inner, 1000)
        centred.addStretch(1)
        self.setWidget(outer)

    def add(self, item: object, *, stretch: int = 0) -> None:
        """Append a widget, a layout, a gap, or `STRETCH`."""
        add(self.column, item, stretch=stretch)


class Picture(QWidget):
    """A large quiet icon in a soft disc of `size` pixels."""

    def __init__(self, icon: str, *, size: int = 72) -> None:
        super().__init__()
        self._icon = icon
        self.setFixedSize(size, size)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint disc and icon in the theme's colours of now."""
        del event
        tokens = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(tokens.accent_soft))
        painter.drawEllipse(self.rect())
        inner = round(self.width() * 0.45)
        picture = theme.icon_pixmap(
            self._icon,
            tokens.accent_text,
            size=inner,
            pixel_ratio=self.devicePixelRatioF(),
        )
        edge = (self.width() - inner) // 2
        painter.drawPixmap(edge, edge, picture)
        painter.end()


class EmptyState(QWidget):
    """What a page says while it has nothing: a picture, a sentence, a way on."""

    def __init__(
        self,
        *,
        icon: str,
        title: str,
        text: str = "",
        actions: Sequence[QWidget] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.title = Text(title, "heading")
        self.title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.text = Text(text, "muted", wrap=True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.text.setMaximumWidth(480)
        self.text.setMinimumWidth(320)
        lines = column(
            STRETCH,
            row(STRETCH, Picture(icon), STRETCH),
            4,
            self.title,
            row(STRETCH, self.text, STRETCH),
            4,
            row(STRETCH, *actions, STRETCH),
            STRETCH,
            spacing=12,
            margins=24,
        )
        self.setLayout(lines)
        self.text.setVisible(bool(text))

    def set_text(self, title: str, text: str = "") -> None:
        """Say something else."""
        self.title.setText(title)
        self.text.setText(text)
        self.text.setVisible(bool(text))
