"""A widget as a picture file, with words above it that say what it shows.

Painted anew at twice the screen's resolution, so that it stays sharp in a document.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, QRectF, QSaveFile, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QImage, QImageWriter, QPainter
from PySide6.QtWidgets import QFileDialog, QWidget

from app import theme

_SCALE: Final = 2.0
_MARGIN: Final = 24
_GAP: Final = 6
_WRAPPED: Final = int(Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap)


def save_png(widget: QWidget, path: Path, lines: Sequence[str]) -> None:
    """Write `widget` as it looks now to `path`, below `lines`; the first is the title.

    The file is replaced whole: a picture that was there stays if this one fails.

    Raises:
        OSError: The file cannot be written; says why.
    """
    content = png(widget, lines)
    file = QSaveFile(str(path))
    written = file.open(QIODevice.OpenModeFlag.WriteOnly) and file.write(content) >= 0
    if not (written and file.commit()):
        raise OSError(f"{path.name} could not be written: {file.errorString()}")


def ask_where(parent: QWidget, name: str, chosen: Callable[[Path], None]) -> None:
    """Ask for a place to save a picture called `name`, and hand it to `chosen`."""
    dialog = QFileDialog(parent, "Save picture", "", "Pictures (*.png)")
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix("png")  # before it asks whether to overwrite
    dialog.selectFile(name)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def saved_as(file: str) -> None:
        chosen(Path(file))

    dialog.fileSelected.connect(saved_as)
    dialog.open()


def png(widget: QWidget, lines: Sequence[str]) -> QByteArray:
    """Return `widget` below `lines` as the content of a PNG file."""
    width = widget.width()
    heights = [_height(at, line, width) for at, line in enumerate(lines)]
    top = round(_MARGIN + sum(height + _GAP for height in heights) + _GAP)
    image = QImage(
        round((width + 2 * _MARGIN) * _SCALE),
        round((top + widget.height() + _MARGIN) * _SCALE),
        QImage.Format.Format_RGB32,
    )
    image.setDevicePixelRatio(_SCALE)
    image.fill(theme.colour(theme.current().surface))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _paint_lines(painter, lines, heights, width)
    flags = QWidget.RenderFlag.DrawChildren
    widget.render(painter, QPoint(_MARGIN, top), renderFlags=flags)
    painter.end()
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, b"png").write(image)
    return content


def _paint_lines(
    painter: QPainter, lines: Sequence[str], heights: Sequence[float], width: int
) -> None:
    tokens = theme.current()
    y = float(_MARGIN)
    for at, (line, height) in enumerate(zip(lines, heights, strict=True)):
        painter.setFont(_font(at))
        painter.setPen(theme.colour(tokens.text if at == 0 else tokens.muted))
        painter.drawText(QRectF(_MARGIN, y, width, height), _WRAPPED, line)
        y += height + _GAP


def _font(at: int) -> QFont:
    return theme.font("heading", weight=600) if at == 0 else theme.font("body")


def _height(at: int, line: str, width: int) -> float:
    room = QRectF(0, 0, width, 10_000)
    return QFontMetricsF(_font(at)).boundingRect(room, _WRAPPED, line or " ").height()
