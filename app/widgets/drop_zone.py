"""A place to drop files and folders on, and to pick them by button as well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from app import theme
from app.widgets.layout import STRETCH, row
from app.widgets.text import Text


class DropZone(QFrame):
    """A dashed frame that takes dropped files or folders.

    Signals:
        dropped (object): a tuple of `Path`s that exist.
    """

    dropped = Signal(object)

    def __init__(
        self,
        *,
        text: str,
        hint: str = "",
        icon: str = "upload",
        actions: Sequence[QWidget] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.setProperty("kind", "drop")
        self.setAccessibleName(text)
        self._icon_name = icon
        self._icon = QLabel()
        lines = QVBoxLayout(self)
        lines.setContentsMargins(20, 24, 20, 24)
        lines.setSpacing(8)
        lines.addLayout(row(STRETCH, self._icon, STRETCH))
        title = Text(text, "strong", wrap=True)
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        lines.addWidget(title)
        if hint:
            said = Text(hint, "muted", wrap=True)
            said.setAlignment(Qt.AlignmentFlag.AlignCenter)
            lines.addWidget(said)
        if actions:
            lines.addSpacing(4)
            lines.addLayout(row(STRETCH, *actions, STRETCH))
        self._draw()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Light up for files; refuse anything else."""
        if paths_in(event.mimeData()):
            event.acceptProposedAction()
            self._set_over("true")

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Go quiet again."""
        super().dragLeaveEvent(event)
        self._set_over("false")

    def dropEvent(self, event: QDropEvent) -> None:
        """Say what was dropped."""
        self._set_over("false")
        paths = paths_in(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.dropped.emit(paths)

    def changeEvent(self, event: QEvent) -> None:
        """Recolour the icon when the theme changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()

    def _set_over(self, over: str) -> None:
        self.setProperty("over", over)
        theme.repolish(self)

    def _draw(self) -> None:
        picture = theme.icon_pixmap(
            self._icon_name,
            theme.current().accent_text,
            size=28,
            pixel_ratio=self.devicePixelRatioF(),
        )
        self._icon.setPixmap(picture)


def paths_in(data: QMimeData) -> tuple[Path, ...]:
    """Return the local files and folders in `data` that exist."""
    found = (Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile())
    return tuple(path for path in found if path.exists())
