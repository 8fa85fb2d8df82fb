"""Colours, sizes, icons and type, light and dark.

`apply` dresses the application; custom-painted widgets ask `current` while painting,
so a change of theme needs no more than a repaint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QIcon, QPalette, QPixmap
from PySide6.QtWidgets import QApplication, QWidget

from app.theme import fonts, icons, style
from app.theme.resources import RESOURCES
from app.theme.tokens import (
    DARK,
    GRID,
    LIGHT,
    RADIUS_CARD,
    RADIUS_CONTROL,
    SERIES,
    SERIES_ON_DARK,
    TEXT_SIZES,
    TextRole,
    Tokens,
    Tone,
    contrast,
)

__all__ = [
    "DARK",
    "GRID",
    "LIGHT",
    "RADIUS_CARD",
    "RADIUS_CONTROL",
    "RESOURCES",
    "SERIES",
    "TEXT_SIZES",
    "Appearance",
    "TextRole",
    "Theme",
    "Tokens",
    "Tone",
    "apply",
    "colour",
    "contrast",
    "current",
    "font",
    "icon",
    "icon_pixmap",
    "keep_size",
    "monospace",
    "px",
    "repolish",
    "series",
    "system_is_dark",
]

Appearance = Literal["system", "light", "dark"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """What the window wears: a set of tokens and a text scale."""

    tokens: Tokens = LIGHT
    text_scale: float = 1.0


_worn: list[Theme] = [Theme()]  # one application, one theme
_sized: WeakKeyDictionary[QWidget, tuple[float | None, float | None]] = (
    WeakKeyDictionary()
)


def current() -> Tokens:
    """Return the tokens the window wears now."""
    return _worn[0].tokens


def px(pixels: float) -> int:
    """Return `pixels` times the person's text scale: for heights that hold text."""
    return round(pixels * _worn[0].text_scale)


def keep_size(
    widget: QWidget, *, width: float | None = None, height: float | None = None
) -> None:
    """Give `widget` this fixed width or height in pixels, at every text scale to come."""
    _sized[widget] = (width, height)
    _size(widget)


def _size(widget: QWidget) -> None:
    width, height = _sized[widget]
    if width is not None:
        widget.setFixedWidth(px(width))
    if height is not None:
        widget.setFixedHeight(px(height))


def colour(name: str, *, alpha: float = 1.0) -> QColor:
    """Return ``#RRGGBB`` `name` as a colour, see-through below an `alpha` of 1."""
    made = QColor(name)
    made.setAlphaF(alpha)
    return made


def series(number: int) -> str:
    """Return the colour of curve `number` in the theme worn now."""
    colours = SERIES_ON_DARK if current().name == "dark" else SERIES
    return colours[number % len(colours)]


def font(role: TextRole = "body", *, weight: int = 400) -> QFont:
    """Return the font for text of `role` at the person's text scale."""
    return fonts.font(role, scale=_worn[0].text_scale, weight=weight)


def monospace(role: TextRole = "body") -> QFont:
    """Return the fixed-width font at the size of `role`, slightly smaller."""
    made = fonts.monospace()
    made.setPixelSize(max(1, px(TEXT_SIZES[role] - 1)))
    return made


def icon(
    name: str, colour_name: str | None = None, *, size: int = 20, gap: int = 0
) -> QIcon:
    """Return our icon `name` in `colour_name`, by default the text colour."""
    tokens = current()
    return icons.icon(
        name, colour_name or tokens.text, disabled=tokens.disabled, size=size, gap=gap
    )


def icon_pixmap(
    name: str, colour_name: str, *, size: int = 20, pixel_ratio: float = 1.0
) -> QPixmap:
    """Return our icon `name` as a picture `size` logical pixels square."""
    return icons.pixmap(name, colour_name, size=size, pixel_ratio=pixel_ratio)


def system_is_dark() -> bool:
    """Return whether the desktop asks for a dark window; False where it is silent."""
    hints = QGuiApplication.styleHints()
    return hints.colorScheme() == Qt.ColorScheme.Dark


def apply(
    app: QApplication, appearance: Appearance = "system", *, text_scale: float = 1.0
) -> Theme:
    """Dress `app`, and return what it now wears.

    `setColorScheme` alone does nothing on a desktop without a platform theme, hence
    a palette and a style sheet of our own.
    """
    dark = appearance == "dark" or (appearance == "system" and system_is_dark())
    worn = Theme(tokens=DARK if dark else LIGHT, text_scale=text_scale)
    _worn[0] = worn
    if app.style().objectName() != "fusion":
        app.setStyle("Fusion")
    app.setPalette(_palette(worn.tokens))
    app.setFont(font())
    app.setStyleSheet(style.sheet(worn.tokens, scale=text_scale))
    for widget in list(_sized):
        if shiboken6.isValid(widget):
            _size(widget)
    return worn


def repolish(widget: QWidget) -> None:
    """Make the style sheet look again at `widget`'s ``kind``, ``role`` or ``tone``."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def _palette(tokens: Tokens) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    for which, name in (
        (role.Window, tokens.window),
        (role.WindowText, tokens.text),
        (role.Base, tokens.surface),
        (role.AlternateBase, tokens.sunken),
        (role.Text, tokens.text),
        (role.PlaceholderText, tokens.muted),
        (role.Button, tokens.surface),
        (role.ButtonText, tokens.text),
        (role.BrightText, tokens.bad.text),
        (role.Highlight, tokens.accent),
        (role.HighlightedText, tokens.on_accent),
        (role.Link, tokens.accent_text),
        (role.LinkVisited, tokens.accent_text),
        (role.ToolTipBase, tokens.tooltip),
        (role.ToolTipText, tokens.on_tooltip),
        (role.Light, tokens.surface),
        (role.Mid, tokens.line),
        (role.Dark, tokens.control_line),
        (role.Shadow, tokens.control_line),
    ):
        palette.setColor(which, QColor(name))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(tokens.disabled))
    return palette
