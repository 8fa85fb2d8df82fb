"""Toasts: a short word at the window's foot, with Undo where there is a way back."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from app.widgets.buttons import SecondaryButton
from app.widgets.text import Text

_SHOWN_MS = 8000
_FROM_BOTTOM = 56


class ToastHost(QObject):
    """Shows one toast at a time over `window`; the newest replaces the last."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._toast: QFrame | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        window.installEventFilter(self)

    def show(
        self,
        text: str,
        *,
        action: str = "",
        run: Callable[[], None] | None = None,
        lasts_ms: int = _SHOWN_MS,
    ) -> None:
        """Show `text`, and a button `action` that calls `run` (once)."""
        self.dismiss()
        toast = QFrame(self._window)
        toast.setProperty("kind", "toast")
        toast.setAccessibleName(text)
        line = QHBoxLayout(toast)
        line.setContentsMargins(18, 10, 10 if run else 18, 10)
        line.setSpacing(16)
        words = Text(text, wrap=len(text) > 70)
        words.setMaximumWidth(520)
        line.addWidget(words)
        if run is not None:
            button = SecondaryButton(action, tip=action)
            button.clicked.connect(self._acting(run))
            line.addWidget(button)
        self._toast = toast
        self._place()
        toast.show()
        toast.raise_()
        self._timer.start(lasts_ms)

    def dismiss(self) -> None:
        """Take the toast away, if one is shown."""
        self._timer.stop()
        if self._toast is not None:
            self._toast.hide()
            self._toast.deleteLater()
            self._toast = None

    @property
    def shown(self) -> QFrame | None:
        """The toast on screen, or None."""
        return self._toast

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the toast at the foot while the window changes size."""
        if event.type() == QEvent.Type.Resize and self._toast is not None:
            self._place()
        return super().eventFilter(watched, event)

    def _acting(self, run: Callable[[], None]) -> Callable[[], None]:
        def act() -> None:
            self.dismiss()
            run()

        return act

    def _place(self) -> None:
        if self._toast is None:
            return
        self._toast.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._toast.adjustSize()
        left = (self._window.width() - self._toast.width()) // 2
        top = self._window.height() - self._toast.height() - _FROM_BOTTOM
        self._toast.move(max(8, left), max(8, top))
