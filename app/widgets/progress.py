"""How far a long action is, and the button that ends it."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QProgressBar, QWidget

from app.widgets.buttons import IconButton
from app.widgets.layout import column, grow, row
from app.widgets.text import ElidedLabel, Text

_PARTS = 1000
Pause = Literal["cannot", "can", "paused"]


class ThinBar(QProgressBar):
    """A thin bar without words, 0 to 1; it moves where the end is not known."""

    def __init__(
        self, name: str = "Progress", *, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setTextVisible(False)
        self.setAccessibleName(name)
        self.show_fraction(0.0)

    def show_fraction(self, fraction: float | None) -> None:
        """Show how far it is; None where nobody knows."""
        if fraction is None:
            self.setRange(0, 0)
            return
        self.setRange(0, _PARTS)
        self.setValue(round(min(max(fraction, 0.0), 1.0) * _PARTS))


class ProgressRow(QWidget):
    """What is being done, how far it is, how fast, how long still; pause and cancel.

    `show_progress` takes words that are ready to read: `present` makes them.

    Signals:
        cancelled (): the person wants it ended.
        pause_pressed (): the person wants it to rest, or to go on.
    """

    cancelled = Signal()
    pause_pressed = Signal()

    def __init__(
        self,
        what: str = "",
        *,
        can_cancel: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._what = ElidedLabel(what, "strong")
        self._detail = Text("", "caption")
        self._bar = ThinBar(what or "Progress")
        self._pause = IconButton("pause", name="Pause", size=16)
        self._pause.clicked.connect(self.pause_pressed)
        self._cancel = IconButton("close", name="Cancel", size=16)
        self._cancel.clicked.connect(self.cancelled)
        head = row(grow(self._what), self._detail, spacing=12)
        words = column(head, self._bar, spacing=6)
        line = row(spacing=8)
        line.addLayout(words, 1)
        line.addWidget(self._pause)
        line.addWidget(self._cancel)
        self.setLayout(line)
        self._cancel.setVisible(can_cancel)
        self.show_progress(what, fraction=None)

    def show_progress(
        self,
        what: str,
        *,
        fraction: float | None,
        detail: str = "",
        pause: Pause = "cannot",
    ) -> None:
        """Show `what`, how far (0 to 1; None where it cannot be known), `detail`.

        `detail` is for "312 of 988 MiB · 41 MiB/s · 16 s left".
        """
        self._pause.setVisible(pause != "cannot")
        rests = pause == "paused"
        self._pause.set_icon(
            "play" if rests else "pause",
            name=f"{'Go on' if rests else 'Pause'}: {what}",
        )
        self._what.setText(what)
        self._detail.setText(detail)
        self._cancel.setAccessibleName(f"Cancel: {what}")
        self._bar.setAccessibleName(what or "Progress")
        self._bar.show_fraction(fraction)
