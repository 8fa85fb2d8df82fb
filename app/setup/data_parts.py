"""The cards of step 2: files, findings, problems, preview, how it is learnt."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QCheckBox, QGridLayout, QVBoxLayout, QWidget

from app import theme
from app.setup.data_view import EXAMPLES, FORMAT_NAMES, DataView, FileLine, RoleChoice
from app.setup.problem_list import ProblemTable
from app.setup.token_view import TokenView
from app.setup.viewmodel import SetupViewModel
from app.widgets.badge import Badge
from app.widgets.buttons import GhostButton, IconButton, SecondaryButton
from app.widgets.card import Card
from app.widgets.fields import Choice, LabeledSlider, Segmented
from app.widgets.layout import STRETCH, boxed, clear, column, grow, row
from app.widgets.notice import Notice
from app.widgets.sparkline import Histogram
from app.widgets.tables import KeyValueTable
from app.widgets.text import ElidedLabel, Text, plain_tip
from core.plan.fields import BY_KEY


class ExamplesCard(Card):
    """What a row may look like, for somebody who has no file yet."""

    def __init__(self) -> None:
        super().__init__(
            "What a file may look like",
            subtitle="One example per line or row. A few hundred careful ones do more than"
            " thousands of careless ones.",
        )
        for name, example in EXAMPLES:
            text = Text(example, "muted", wrap=True, selectable=True)
            text.setFont(theme.monospace("caption"))
            text.setAccessibleName(f"{name}: {example}")
            self.body.addLayout(column(Text(name, "strong"), text, spacing=2))


class FilesCard(Card):
    """The chosen files, how they are read, and which column plays which role."""

    def __init__(self, model: SetupViewModel, ask_files: Callable[[], None]) -> None:
        super().__init__("Files")
        self._model = model
        self._files: tuple[FileLine, ...] = ()
        self._roles: tuple[RoleChoice, ...] = ()
        self._columns: tuple[str, ...] = ()
        more = SecondaryButton(
            "Add files", icon="plus", tip="Learn from more files as well."
        )
        more.clicked.connect(ask_files)
        starter = GhostButton(
            "Use the starter data",
            tip="Learn from the chats that come with Tunesmith instead.",
        )
        starter.clicked.connect(model.use_starter_data)
        self.header.addWidget(starter)
        self.header.addWidget(more)
        self._lines = QVBoxLayout()
        self._lines.setSpacing(4)
        self.format = Choice(
            tuple(FORMAT_NAMES.items()), name="Format", tip=_tip("data.format")
        )
        self.format.picked.connect(model.set_format)
        self.told = Text("", "muted", wrap=True)
        self._mapping = QGridLayout()
        self._mapping.setHorizontalSpacing(12)
        self._mapping.setVerticalSpacing(8)
        self._mapping.setColumnStretch(1, 1)
        self.body.addLayout(self._lines)
        self.body.addLayout(row(Text("Format"), self.format, STRETCH, spacing=12))
        self.add(self.told)
        self.body.addLayout(self._mapping)
        self.choices: dict[str, Choice] = {}

    def render_view(self, view: DataView) -> None:
        """Show the files, the format and the mapping of `view`."""
        if view.files != self._files:
            self._files = view.files
            clear(self._lines)
            for file in view.files:
                self._lines.addWidget(self._file_line(file))
        self.format.set_key(view.format_key)
        self.told.setText(view.format_text)
        self.told.setVisible(bool(view.format_text))
        if (view.roles, view.columns) != (self._roles, self._columns):
            self._roles, self._columns = view.roles, view.columns
            self._lay_out_roles()

    def _file_line(self, file: FileLine) -> QWidget:
        name = ElidedLabel(file.name, "strong")
        folder = ElidedLabel(file.folder, "muted")
        missing = Text("is not there any more" if file.is_missing else "", "error")
        away = IconButton("close", name=f"Remove {file.name}", size=14)
        away.clicked.connect(lambda: self._model.remove_file(file.path))
        line = row(name, spacing=12)
        line.setStretch(0, 2)
        line.addWidget(folder, 3)
        line.addWidget(missing)
        line.addWidget(away)
        return boxed(line)

    def _lay_out_roles(self) -> None:
        clear(self._mapping)
        self.choices = {}
        options = [("", "–"), *((name, name) for name in self._columns)]
        for at, role in enumerate(self._roles):
            choice = Choice(
                options,
                name=f"Column for: {role.label}",
                tip=f"Which column holds this: {role.label}",
            )
            choice.set_key(role.column)
            choice.picked.connect(self._mapper(role.role))
            self.choices[role.role] = choice
            self._mapping.addWidget(Text(role.label), at, 0)
            self._mapping.addWidget(choice, at, 1)

    def _mapper(self, role: str) -> Callable[[str], None]:
        return lambda column: self._model.map_column(role, column)


class FoundCard(Card):
    """How many rows, how long they are, and where they are cut."""

    def __init__(self, model: SetupViewModel) -> None:
        super().__init__("What is in it")
        self._model = model
        again = GhostButton(
            "Read again",
            icon="refresh",
            tip="Read the files again and look at every row.",
        )
        again.clicked.connect(model.check_data_again)
        self.header.addWidget(again)
        self.verdict = Badge()
        self.headline = Text("", "strong", wrap=True)
        self.headline_detail = Text("", "muted", wrap=True)
        self.figures = KeyValueTable(columns=2)
        self.histogram = Histogram(name="Rows by length in tokens")
        self.cut = Text("", "muted", wrap=True)
        self.keep = SecondaryButton("", tip="Set the sequence length so.")
        self.keep.clicked.connect(self._on_keep)
        self.notes = Text("", "muted", wrap=True)
        self.hint = Text("", "muted", wrap=True)
        self._offered = 0
        self.body.addLayout(row(self.verdict, grow(self.headline), spacing=12))
        for part in (self.headline_detail, self.figures, self.histogram):
            self.add(part)
        self.body.addLayout(row(grow(self.cut), self.keep, spacing=12))
        self.add(self.notes)
        self.add(self.hint)

    def render_view(self, view: DataView) -> None:
        """Show the findings of `view`."""
        self.setVisible(bool(view.headline))
        self.verdict.show_text(view.headline_badge, view.headline_tone)
        self.headline.setText(view.headline)
        self.headline_detail.setText(view.headline_detail)
        self.headline_detail.setVisible(bool(view.headline_detail))
        self.figures.show_rows(view.figures)
        self.histogram.setVisible(view.bars is not None)
        if view.bars is not None:
            edges = (view.bars.edges[0], view.bars.edges[-1])
            self.histogram.show_counts(
                view.bars.counts,
                edges=edges,
                cut=view.cut.seq_len if view.cut else None,
                cut_label=f"cut at {view.cut.seq_len:,}" if view.cut else "",
                axis_label="tokens in a row",
            )
        self.cut.setText(view.cut.text if view.cut else "")
        self.cut.setVisible(view.cut is not None)
        offer = view.cut.offer if view.cut else ""
        self._offered = view.cut.offered_len if view.cut else 0
        self.keep.setText(offer)
        self.keep.setVisible(bool(offer))
        self.notes.setText("\n".join(view.notes))
        self.notes.setVisible(bool(view.notes))
        self.hint.setText(view.preview_hint)
        self.hint.setVisible(bool(view.preview_hint))

    def _on_keep(self) -> None:
        self._model.set_value("train.seq_len", self._offered)


class ProblemsCard(Card):
    """Every fault by its line, and the choice to leave bad rows out."""

    def __init__(self, model: SetupViewModel) -> None:
        super().__init__("Line by line")
        self._model = model
        self.count = Text("", "muted")
        self.header.addWidget(self.count)
        self.table = ProblemTable()
        self.skip = QCheckBox("Leave bad rows out")
        self.skip.setToolTip(plain_tip(_tip("data.on_bad_row")))
        self.skip.toggled.connect(self._on_skipped)
        self.add(self.table)
        self.add(self.skip)

    def render_view(self, view: DataView) -> None:
        """Show the problems of `view`."""
        self.setVisible(bool(view.problems))
        self.count.setText(view.problems_title)
        self.table.show_problems(view.problems)
        self.skip.setVisible(view.offers_skip)
        self.skip.setText(view.skip_text)
        with QSignalBlocker(self.skip):
            self.skip.setChecked(view.skips_bad)

    def _on_skipped(self, skip: bool) -> None:  # noqa: FBT001 - Qt's signal
        self._model.set_skip_bad(skip=skip)


class PreviewCard(Card):
    """One row after the chat template; what is learnt stands out."""

    def __init__(self, model: SetupViewModel) -> None:
        super().__init__("As the model sees it")
        self._model = model
        self._row = 0
        self.back = IconButton("left", name="Previous row")
        self.back.clicked.connect(lambda: model.preview_row(self._row - 1))
        self.forth = IconButton("right", name="Next row")
        self.forth.clicked.connect(lambda: model.preview_row(self._row + 1))
        self.title_text = Text("", "muted", wrap=True)
        self.header.addWidget(self.back)
        self.header.addWidget(self.forth)
        self.failure = Notice()
        self.tokens = TokenView()
        self.add(self.title_text)
        self.legend = Text(
            "Underlined: what is learnt. Grey: what is only read.", "muted", wrap=True
        )
        self.add(self.legend)
        self.add(self.failure)
        self.add(self.tokens)

    def render_view(self, view: DataView) -> None:
        """Show the previewed row of `view`."""
        self.setVisible(view.preview is not None or view.preview_failure is not None)
        if view.preview_failure is None:
            self.failure.clear()
        else:
            told = view.preview_failure
            self.failure.show_notice("bad", told.message, told.hint)
        shown = view.preview
        for part in (self.title_text, self.legend, self.tokens):
            part.setVisible(shown is not None)
        if shown is not None:
            self._row = shown.row
            self.title_text.setText(shown.title)
            self.tokens.show_tokens(shown.tokens)
            self.back.setEnabled(shown.can_go_back)
            self.forth.setEnabled(shown.can_go_on)


class LearnCard(Card):
    """What carries loss, and how much is held out."""

    def __init__(self, model: SetupViewModel) -> None:
        super().__init__("How it is learnt")
        self._model = model
        self.train_on = Segmented(
            (("answers", "The answers"), ("everything", "Everything")),
            name="Learn from",
            tips=(
                "Loss on the replies alone: it learns to answer.",
                "Loss on prompts as well: it also learns to ask.",
            ),
        )
        self.train_on.picked.connect(self._on_train_on)
        self.held_out = LabeledSlider(
            "Held out",
            stops=(0, 2, 5, 10, 15, 20, 30, 50),
            default=float(BY_KEY["data.eval_fraction"].default) * 100,
            unit="%",
            decimals=1,
            tip=_tip("data.eval_fraction"),
        )
        self.held_out.edited.connect(self._on_held_out)
        self.told = Text("", "muted", wrap=True)
        self.choice = boxed(row(Text("Learn from"), self.train_on, STRETCH, spacing=16))
        self.add(self.choice)
        self.add(self.held_out)
        self.add(self.told)
        self.setMinimumWidth(theme.px(300))

    def render_view(self, view: DataView) -> None:
        """Show the choices of `view`."""
        self.choice.setVisible(view.chooses_loss)
        self.train_on.set_key(view.train_on)
        self.held_out.set_value(view.eval_fraction * 100)
        self.told.setText(view.held_out_text)

    def _on_train_on(self, key: str) -> None:
        self._model.set_value("data.train_on", key)

    def _on_held_out(self, percent: float) -> None:
        self._model.set_value("data.eval_fraction", percent / 100)


def _tip(key: str) -> str:
    told = BY_KEY[key].explanation
    return f"{told.what}\nHigher: {told.raised}" if told.raised else told.what
