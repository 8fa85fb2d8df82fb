"""Buttons: one primary per page, the rest quiet.

Buttons take the focus by keyboard alone, so that the ring shows where it helps and a
click leaves none behind.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtWidgets import QPushButton, QSizePolicy, QToolButton, QWidget

from app import theme
from app.widgets.text import plain_tip


class _Button(QPushButton):
    kind = "secondary"

    def __init__(
        self,
        text: str,
        *,
        tip: str,
        icon: str | None = None,
        compact: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self.setProperty("compact", "true" if compact else "false")
        self._icon_name = icon
        self.setProperty("kind", self.kind)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setIconSize(QSize(theme.px(16) + 4, theme.px(16)))
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self.set_tip(tip)
        self._draw_icon()

    def set_tip(self, tip: str) -> None:
        """Say on hover what a click does, or why it cannot."""
        self.setToolTip(plain_tip(tip))
        self.setAccessibleDescription(tip)

    def set_icon(self, name: str | None) -> None:
        """Show icon `name`, or none."""
        self._icon_name = name
        self._draw_icon()

    def changeEvent(self, event: QEvent) -> None:
        """Recolour the icon when the theme changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw_icon()

    def _colour(self) -> str:
        return theme.current().text

    def _draw_icon(self) -> None:
        if self._icon_name is not None:
            self.setIcon(theme.icon(self._icon_name, self._colour(), gap=4))


class PrimaryButton(_Button):
    """The one thing to do here."""

    kind = "primary"

    def _colour(self) -> str:
        return theme.current().on_accent


class SecondaryButton(_Button):
    """Anything else that can be done."""

    kind = "secondary"


class GhostButton(_Button):
    """A quiet action in a line of text or a header."""

    kind = "ghost"

    def _colour(self) -> str:
        return theme.current().accent_text


class DangerButton(_Button):
    """Something that takes a thing away."""

    kind = "danger"

    def _colour(self) -> str:
        return theme.current().on_danger


class IconButton(QToolButton):
    """A picture alone; `name` is what a screen reader says and the tooltip begins with.

    Give `tip` where more than the name needs saying.
    """

    def __init__(
        self,
        icon: str,
        *,
        name: str,
        tip: str = "",
        size: int = 18,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._icon_name = icon
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setIconSize(QSize(size, size))
        self.setAccessibleName(name)
        self.setToolTip(plain_tip(f"{name}. {tip}" if tip else name))
        self.setAccessibleDescription(tip)
        self._draw_icon()

    def set_icon(self, icon: str, *, name: str | None = None) -> None:
        """Show another icon, and say another `name`."""
        self._icon_name = icon
        if name is not None:
            self.setAccessibleName(name)
            self.setToolTip(plain_tip(name))
        self._draw_icon()

    def changeEvent(self, event: QEvent) -> None:
        """Recolour the icon when the theme changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw_icon()

    def _draw_icon(self) -> None:
        self.setIcon(theme.icon(self._icon_name, theme.current().muted))
