"""How one page sends the person to another, and says a short word on the way."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal


class Navigator(QObject):
    """Given to every view-model; the window listens.

    Page keys: home, train, runs, library, chat, models, fits, settings. Arguments the
    pages take: ``("runs", run_id)``, ``("train", Plan)`` or ``("train", model_id)``,
    ``("chat", adapter_id)``, ``("library", adapter_id)``, ``("fits", Plan)`` or
    ``("fits", model_id)``.

    Signals:
        requested (str, object): show this page with this argument (or None).
        toasted (str, str, object): text, action's word (or ""), callable (or None).
    """

    requested = Signal(str, object)
    toasted = Signal(str, str, object)

    def open(self, page_key: str, argument: object = None) -> None:
        """Show page `page_key`, given `argument`."""
        self.requested.emit(page_key, argument)

    def toast(
        self, text: str, *, action: str = "", run: Callable[[], None] | None = None
    ) -> None:
        """Say `text` at the window's foot, with a way back where there is one."""
        self.toasted.emit(text, action, run)
