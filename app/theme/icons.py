"""Our line icons, drawn sharp at any scale and in any colour.

The files in ``resources/icons`` say ``currentColor``; it is replaced as text before
rendering, so one file serves both themes and every state.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from app.theme.resources import RESOURCES

_PIXEL_RATIOS: Final = (1.0, 2.0, 3.0)


def names() -> tuple[str, ...]:
    """Return every icon's name, sorted."""
    return tuple(sorted(path.stem for path in (RESOURCES / "icons").glob("*.svg")))


@lru_cache(maxsize=128)
def _source(name: str) -> str:
    return (RESOURCES / "icons" / f"{name}.svg").read_text(encoding="utf-8")


@lru_cache(maxsize=512)
def pixmap(
    name: str, colour: str, *, size: int = 20, pixel_ratio: float = 1.0, gap: int = 0
) -> QPixmap:
    """Return icon `name` in `colour`, `size` logical pixels square.

    `gap` adds that many empty pixels at the right: Qt sets a button's words too
    close to its icon, and has no other say in it.

    Raises:
        FileNotFoundError: There is no such icon; a mistake in our own code.
    """
    picture = QPixmap(round((size + gap) * pixel_ratio), round(size * pixel_ratio))
    picture.setDevicePixelRatio(pixel_ratio)
    picture.fill(Qt.GlobalColor.transparent)
    svg = _source(name).replace("currentColor", colour)
    renderer = QSvgRenderer(QByteArray(svg.encode()))
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    return picture


@lru_cache(maxsize=512)
def icon(
    name: str,
    colour: str,
    *,
    disabled: str | None = None,
    size: int = 20,
    gap: int = 0,
) -> QIcon:
    """Return an icon in `colour`, and in `disabled` where its control is disabled."""
    made = QIcon()
    for ratio in _PIXEL_RATIOS:
        made.addPixmap(pixmap(name, colour, size=size, pixel_ratio=ratio, gap=gap))
        if disabled is not None:
            faded = pixmap(name, disabled, size=size, pixel_ratio=ratio, gap=gap)
            made.addPixmap(faded, QIcon.Mode.Disabled)
    return made
