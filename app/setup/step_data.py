"""Step 2: what to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QWidget

from app.setup.data_parts import (
    ExamplesCard,
    FilesCard,
    FoundCard,
    LearnCard,
    PreviewCard,
    ProblemsCard,
)
from app.setup.data_view import DataView
from app.setup.viewmodel import SetupViewModel
from app.widgets.buttons import GhostButton, SecondaryButton
from app.widgets.drop_zone import DropZone, paths_in
from app.widgets.layout import STRETCH
from app.widgets.notice import Action, Notice
from app.widgets.page import PageBody
from app.widgets.progress import ProgressRow

KINDS = "Data (*.json *.jsonl *.ndjson *.csv *.tsv *.parquet *.txt *.md);;All files (*)"


class DataStep(PageBody):
    """Files, what they hold, what is wrong with them, and one row as it is learnt."""

    def __init__(self, model: SetupViewModel, parent: QWidget | None = None) -> None:
        super().__init__(name="Data", parent=parent)
        # The page around all steps has the margins; here only the scroll bar's room.
        self.column.setContentsMargins(0, 0, 12, 12)
        self.column.setSpacing(16)
        self._model = model
        self._shown: DataView | None = None
        self._folder = ""
        """Where files were last chosen; the working folder says nothing to a person."""
        self.setAcceptDrops(True)
        self.choose = SecondaryButton(
            "Choose files", icon="file", tip="Choose one or more files to learn from."
        )
        self.choose.clicked.connect(self.ask_files)
        self.starter = GhostButton(
            "Use the starter data",
            tip="Short chats that come with Tunesmith and teach one visible habit.",
        )
        self.starter.clicked.connect(model.use_starter_data)
        self.drop = DropZone(
            text="Drop a file here",
            hint="JSON, JSONL, CSV, TSV, Parquet, TXT or Markdown. The format is"
            " recognised.",
            actions=(self.choose, self.starter),
        )
        self.drop.dropped.connect(self._on_dropped)
        self.examples = ExamplesCard()
        self.files = FilesCard(model, self.ask_files)
        self.progress = ProgressRow("")
        self.progress.cancelled.connect(model.cancel_data_work)
        self.failure = Notice()
        self.found = FoundCard(model)
        self.problems = ProblemsCard(model)
        self.preview = PreviewCard(model)
        self.learn = LearnCard(model)
        for part in (
            self.drop, self.examples, self.files, self.progress, self.failure, self.found,
            self.problems, self.preview, self.learn,
        ):  # fmt: skip
            self.add(part)
        self.add(STRETCH)

    def render_view(self, view: DataView) -> None:
        """Show `view`."""
        if view == self._shown:
            return
        self._shown = view
        has_files = bool(view.files)
        self.drop.setVisible(not has_files)
        self.examples.setVisible(not has_files)
        for card in (self.files, self.learn):
            card.setVisible(has_files)
        self.files.render_view(view)
        self.found.render_view(view)
        self.problems.render_view(view)
        self.preview.render_view(view)
        self.learn.render_view(view)
        self.progress.setVisible(view.progress is not None)
        if view.progress is not None:
            self.progress.show_progress(
                view.progress.what,
                fraction=view.progress.fraction,
                detail=view.progress.detail,
            )
        self._render_failure(view)

    def _render_failure(self, view: DataView) -> None:
        if view.failure is None:
            self.failure.clear()
            return
        again = Action(
            text="Read again", run=self._model.check_data_again, tip=view.check_tip
        )
        self.failure.show_notice(
            "bad", view.failure.message, view.failure.hint, actions=(again,)
        )

    def ask_files(self) -> None:
        """Ask for files by dialog."""
        start = self._folder or str(Path.home())
        names, _ = QFileDialog.getOpenFileNames(
            self, "Data to learn from", start, KINDS
        )
        if names:
            self._folder = str(Path(names[0]).parent)
            self._model.add_files([Path(name) for name in names])

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take dropped files anywhere on the step."""
        if any(path.is_file() for path in paths_in(event.mimeData())):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Learn from the files dropped."""
        event.acceptProposedAction()
        self._on_dropped(paths_in(event.mimeData()))

    def _on_dropped(self, paths: Sequence[Path]) -> None:
        files = [path for path in paths if path.is_file()]
        if files:
            self._model.add_files(files)
