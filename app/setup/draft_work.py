"""Work on plan files: the draft that saves itself, and files of the person's own."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.qtwork.background import Background
from app.setup.draft import save_draft
from core.errors import TunesmithError
from core.places import Places
from core.plan.codec import read_plan, write_plan
from core.plan.plan import Plan

_SAVE_AFTER_MS: Final = 400


class DraftWork(QObject):
    """Writes and reads plan files off the main thread.

    Signals:
        opened (Plan): a file was read.
        written (Path): a file was written.
        failed (TunesmithError): a file could not be read or written.
        unsaved (TunesmithError): the draft itself could not be saved.
    """

    opened = Signal(object)
    written = Signal(object)
    failed = Signal(object)
    unsaved = Signal(object)

    def __init__(self, places: Places, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._places = places
        self._plan = Plan()
        self._edits = 0
        self._kept = 0
        self._writing = threading.Lock()
        self._files = Background(self)
        self._files.answered.connect(self._on_done)
        self._files.failed.connect(self.failed)
        self._saving = Background(self)
        self._saving.failed.connect(self.unsaved)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SAVE_AFTER_MS)
        self._soon.timeout.connect(self._save)

    def save_soon(self, plan: Plan) -> None:
        """Keep `plan` as the draft once the person pauses."""
        self._plan = plan
        self._edits += 1
        self._soon.start()

    def save_now(self, plan: Plan) -> None:
        """Keep `plan` as the draft before this returns: the window is closing."""
        self._soon.stop()
        self._edits += 1
        try:
            self._keep(self._edits, plan)
        except (TunesmithError, OSError):
            return  # said before, when an edit could not be saved; closing goes on

    def write(self, path: Path, plan: Plan) -> None:
        """Write `plan` to a file of the person's own."""

        def work() -> Path:
            write_plan(path, plan)
            return path

        self._files.ask(work)

    def read(self, path: Path) -> None:
        """Read the plan in a file."""
        self._files.ask(lambda: read_plan(path))

    @Slot()
    def _save(self) -> None:
        edit, plan = self._edits, self._plan
        self._saving.ask(lambda: self._keep(edit, plan))

    def _keep(self, edit: int, plan: Plan) -> None:
        """Write `plan`, unless a later edit is written already by another thread."""
        with self._writing:
            if edit > self._kept:
                save_draft(self._places, plan)
                self._kept = edit

    @Slot(object)
    def _on_done(self, done: Plan | Path) -> None:
        if isinstance(done, Plan):
            self.opened.emit(done)
        else:
            self.written.emit(done)
