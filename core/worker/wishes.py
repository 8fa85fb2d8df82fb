"""What the worker is asked to do while it works: orders in the folder, and SIGTERM."""

import signal
import threading
from types import FrameType
from typing import Literal

from core.runs.folder import Order, RunFolder

_ORDERS: tuple[Order, ...] = ("pause", "stop", "discard", "save")


class Wishes:
    """The orders that wait. A logout or shutdown (SIGTERM) means pause: save and go."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._told_to_go = threading.Event()

    def listen(self) -> None:
        """Hear SIGTERM from now on. Call from the main thread."""
        signal.signal(signal.SIGTERM, self._on_terminate)

    def __call__(self) -> frozenset[Order]:
        """Return what is asked for now."""
        names = self._run.ordered()
        gone: set[Order] = {"pause"} if self._told_to_go.is_set() else set()
        return frozenset[Order]((*gone, *(o for o in _ORDERS if o in names)))

    def leaving(self) -> Literal["pause", "stop", "discard"] | None:
        """Return how the run was asked to leave, if it was; the gravest wins."""
        asked = self()
        for wish in ("discard", "stop", "pause"):
            if wish in asked:
                return wish
        return None

    def done(self) -> None:
        """Take all orders back: they were carried out, or are void."""
        self._run.done_with(*_ORDERS)

    def _on_terminate(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._told_to_go.set()
