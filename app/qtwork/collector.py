"""Python's collector of cycles, kept to the window's thread.

A cycle may hold a QObject. Collected by another thread, its destructor takes Qt's lock on
connections and then waits for the interpreter, while the window's thread has the
interpreter and waits for that lock: both stand still for good.
"""

from __future__ import annotations

import gc
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot

# While much is made, little by little: a walk through a fiftieth of a second's objects
# takes a millisecond or two.
_BUSY_MS: Final = 20
_IDLE_MS: Final = 200


def collect_due() -> int | None:
    """Collect as the interpreter would have by now; return the generation, if one was due.

    To be called in the thread that owns the widgets.
    """
    made, allowed = gc.get_count(), gc.get_threshold()
    for generation in (2, 1, 0):
        if made[generation] > allowed[generation]:
            gc.collect(generation)
            return generation
    return None


class Collector(QObject):
    """From its making to its end nothing is collected by itself, in any thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(_BUSY_MS)
        self._timer.timeout.connect(self._look)

    def start(self) -> None:
        """Begin to collect, now and then, in this thread."""
        self._timer.start()

    @Slot()
    def _look(self) -> None:
        due = collect_due()
        self._timer.setInterval(_IDLE_MS if due is None else _BUSY_MS)

    def end(self) -> None:
        """Leave it to the interpreter again: no thread of ours is at work."""
        self._timer.stop()
        gc.enable()
