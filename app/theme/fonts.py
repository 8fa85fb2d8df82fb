"""The window's typeface: Inter from our own resources, so every desktop looks alike.

A bare Debian has no font at all; with one of our own the window can always be read.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QFont, QFontDatabase

from app.theme.resources import RESOURCES
from app.theme.tokens import TEXT_SIZES, TextRole

# Static weights: a style sheet's font-weight does not reach a variable font's axis.
_INTER: Final = ("Inter-Regular.ttf", "Inter-Medium.ttf", "Inter-SemiBold.ttf")
_loaded: list[str] = []  # the family, once registered with this application


def family() -> str:
    """Return the typeface's family name; the system's own if ours cannot be read."""
    if not _loaded:
        files = (RESOURCES / "fonts" / name for name in _INTER)
        numbers = [QFontDatabase.addApplicationFont(str(file)) for file in files]
        system = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
        _loaded.append("Inter" if min(numbers) >= 0 else system.family())
    return _loaded[0]


def monospace() -> QFont:
    """Return the fixed-width face for logs and code, at body size."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setStyleHint(QFont.StyleHint.Monospace)
    return font


def font(role: TextRole = "body", *, scale: float = 1.0, weight: int = 400) -> QFont:
    """Return the font of `role` in pixels, `scale` being the person's text scale."""
    made = QFont(family())
    made.setPixelSize(max(1, round(TEXT_SIZES[role] * scale)))
    made.setWeight(QFont.Weight(weight))
    return made
