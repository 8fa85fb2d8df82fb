"""A heading that opens and closes what stands below it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app import theme
from app.widgets.text import plain_tip


class Expander(QWidget):
    """A titled part ("All settings"), closed at first; put content into `body`.

    Signals:
        toggled (bool): it was opened (True) or closed.
    """

    toggled = Signal(bool)

    def __init__(
        self,
        title: str,
        *,
        tip: str = "",
        is_open: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._button = QPushButton(title)
        self._button.setProperty("kind", "expander")
        self._button.setCheckable(True)
        self._button.setChecked(is_open)
        self._button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._button.setToolTip(plain_tip(tip or title))
        self._button.setIconSize(QSize(20, 16))
        self._content = QWidget()
        self.body = QVBoxLayout(self._content)
        self.body.setContentsMargins(0, 8, 0, 0)
        self.body.setSpacing(16)
        self._content.setVisible(is_open)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(0)
        lines.addWidget(self._button, 0, Qt.AlignmentFlag.AlignLeft)
        lines.addWidget(self._content)
        self._button.toggled.connect(self._on_toggled)
        self._draw()

    def set_open(self, is_open: bool) -> None:  # noqa: FBT001 - a setter
        """Open or close it."""
        self._button.setChecked(is_open)

    def changeEvent(self, event: QEvent) -> None:
        """Recolour the arrow when the theme changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()

    def _on_toggled(self, is_open: bool) -> None:  # noqa: FBT001 - Qt's signal
        self._content.setVisible(is_open)
        self._draw()
        self.toggled.emit(is_open)

    def _draw(self) -> None:
        name = "down" if self._button.isChecked() else "right"
        self._button.setIcon(theme.icon(name, theme.current().accent_text, gap=4))
        state = "open" if self._button.isChecked() else "closed"
        self._button.setAccessibleName(f"{self._button.text()}, {state}")
