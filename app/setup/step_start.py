"""Step 5: everything on one card, what is missing, and the button."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit, QWidget

from app.setup.start_view import ProblemLine, StartView
from app.setup.state import Step
from app.setup.viewmodel import SetupViewModel
from app.widgets.badge import Badge
from app.widgets.buttons import GhostButton, PrimaryButton, SecondaryButton
from app.widgets.card import Card
from app.widgets.layout import STRETCH, boxed, clear, column, grow, row
from app.widgets.notice import Action, Notice
from app.widgets.page import PageBody
from app.widgets.progress import ProgressRow
from app.widgets.tables import KeyValueTable
from app.widgets.text import Text, plain_tip
from core.plan.fields import BY_KEY


class StartStep(PageBody):
    """The run as it would be, and the way to it."""

    def __init__(
        self,
        model: SetupViewModel,
        show_field: Callable[[Step, str], None],
        *,
        save_plan: Callable[[], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(name="Start", parent=parent)
        # The page around all steps has the margins; here only the scroll bar's room.
        self.column.setContentsMargins(0, 0, 12, 12)
        self.column.setSpacing(16)
        self._model = model
        self._show_field = show_field
        self._save_plan = save_plan
        self._shown: StartView | None = None
        self._problems: tuple[ProblemLine, ...] | None = None
        self.failure = Notice()
        self.add(self.failure)
        self.add(self._run_card())
        self.problem_card = Card("Before it starts")
        self._problem_lines = column(spacing=10)
        self.problem_card.body.addLayout(self._problem_lines)
        self.add(self.problem_card)
        self.add(self._plan_card())
        self.add(STRETCH)

    def _run_card(self) -> Card:
        card = Card("Ready to train")
        self.title = card.title
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the run")
        self.name.setToolTip(plain_tip(BY_KEY["name"].explanation.what))
        self.name.setMaxLength(120)
        self.name.editingFinished.connect(self._on_named)
        self.facts = KeyValueTable()
        self.exact = Text("", "muted", wrap=True, selectable=True)
        self.progress = ProgressRow()
        self.progress.cancelled.connect(self._model.fit.exact.cancel)
        self.start = PrimaryButton("Start training", tip="", icon="play")
        self.start.clicked.connect(self._model.start)
        self.missing = Text("", "muted", wrap=True)
        card.add(column_of("Name", self.name))
        card.add(self.facts)
        card.add(self.exact)
        card.add(self.progress)
        card.body.addLayout(row(self.start, grow(self.missing), spacing=16))
        return card

    def _plan_card(self) -> Card:
        card = Card("As a command")
        self.command_hint = Text("", "muted", wrap=True)
        card.add(self.command_hint)
        self.command = QLineEdit()
        self.command.setReadOnly(True)
        self.command.setAccessibleName("Command line of this run")
        self.command.setToolTip(
            plain_tip("Run this in a terminal; the plan must be saved before.")
        )
        copy = SecondaryButton("Copy", tip="Copy the command.", icon="copy")
        copy.clicked.connect(self._on_copy)
        save = SecondaryButton(
            "Save plan", tip="Write the plan to a file of yours.", icon="save"
        )
        save.clicked.connect(self._save_plan)
        card.body.addLayout(row(grow(self.command), copy, save))
        return card

    def render_view(self, view: StartView) -> None:
        """Show `view`."""
        if view == self._shown:
            return
        self._shown = view
        if view.failure is None:
            self.failure.clear()
        else:
            self.failure.show_notice("bad", view.failure.message, view.failure.hint)
        if view.held_text:
            close = Action(
                text=view.held_action,
                run=self._model.start_alone,
                tip="Unload what is loaded there; nothing said is lost.",
            )
            self.failure.show_notice("warn", view.held_text, actions=(close,))
        with QSignalBlocker(self.name):
            if not self.name.hasFocus():
                self.name.setText(view.name)
            self.name.setPlaceholderText(view.name_hint)
        self.title.setText(view.title)
        self.facts.show_rows(view.facts)
        self.exact.setText(view.exact_text)
        self.exact.setVisible(bool(view.exact_text))
        self.progress.setVisible(view.exact_progress is not None)
        if view.exact_progress is not None:
            self.progress.show_progress(
                view.exact_progress.what,
                fraction=view.exact_progress.fraction,
                detail=view.exact_progress.detail,
            )
        self.start.setEnabled(view.can_start)
        self.start.setText(view.start_text)
        self.start.set_tip(view.start_tip)
        self.missing.setText(view.missing)
        self.command.setText(view.command)
        self.command_hint.setText(view.command_hint)
        self._render_problems(view.problems)

    def _render_problems(self, problems: tuple[ProblemLine, ...]) -> None:
        self.problem_card.setVisible(bool(problems))
        if problems == self._problems:
            return
        self._problems = problems
        clear(self._problem_lines)
        for problem in problems:
            self._problem_lines.addWidget(self._problem_line(problem))

    def _problem_line(self, problem: ProblemLine) -> QWidget:
        go = GhostButton(problem.go, tip="Show where this is set.", compact=True)
        go.clicked.connect(lambda: self._show_field(problem.step, problem.field))
        return boxed(
            row(
                Badge(problem.word, problem.tone),
                grow(Text(problem.message, wrap=True)),
                go,
                spacing=12,
            )
        )

    def _on_named(self) -> None:
        self._model.set_value("name", self.name.text().strip())

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.command.text())


def column_of(label: str, field: QWidget) -> QWidget:
    """Return `field` under its label, tied to it for screen readers."""
    words = Text(label, "caption")
    words.setBuddy(field)
    return boxed(column(words, field, spacing=4))
