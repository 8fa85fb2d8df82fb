"""One worker on the device at a time: the chat asks before it loads, so does a run."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class GpuLease(QObject):
    """Who has the device now, by a word a person understands ("the chat").

    Signals:
        changed (str): the new holder, or "" when it is free.
        wanted (str): someone asks the holder to give it back ("Close the chat").
    """

    changed = Signal(str)
    wanted = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._taken_by = ""

    @property
    def taken_by(self) -> str:
        """The holder, or "" when the device is free."""
        return self._taken_by

    def take(self, holder: str) -> bool:
        """Take the device for `holder`; False where another has it."""
        if self._taken_by not in ("", holder):
            return False
        if not self._taken_by:
            self._taken_by = holder
            self.changed.emit(holder)
        return True

    def give_back(self, holder: str) -> None:
        """Let the device go, if `holder` has it."""
        if self._taken_by == holder:
            self._taken_by = ""
            self.changed.emit("")

    def ask_back(self) -> None:
        """Ask whoever has the device to give it back; `changed` tells when."""
        if self._taken_by:
            self.wanted.emit(self._taken_by)
