"""The smaller cards of step 4: what would make it fit, other cards, the figures."""

from __future__ import annotations

from typing import Any, Final, cast

from PySide6.QtCore import QStringListModel, Qt
from PySide6.QtWidgets import QCompleter, QLineEdit, QWidget

from app.setup.cards_view import CardLine, CardsView
from app.setup.fit_view import FitView
from app.setup.offer_view import ChangeLine, OfferView
from app.setup.viewmodel import SetupViewModel
from app.widgets.badge import Badge
from app.widgets.buttons import GhostButton, PrimaryButton, SecondaryButton
from app.widgets.card import Card
from app.widgets.expander import Expander
from app.widgets.layout import STRETCH, boxed, clear, column, divider, grow, row
from app.widgets.part_table import PartLine, PartTable
from app.widgets.tables import KeyValueTable
from app.widgets.text import ElidedLabel, Text, plain_tip

_SUGGESTED: Final = 10


class OfferCard(Card):
    """What "Make it fit" would change, to apply or to leave."""

    def __init__(self, model: SetupViewModel) -> None:
        super().__init__("Make it fit")
        self._shown: OfferView | None = None
        self.apply = PrimaryButton(
            "Apply", tip="Take these settings. Undo brings yours back.", icon="check"
        )
        self.apply.clicked.connect(model.apply_offer)
        self.leave = SecondaryButton("Leave as it is", tip="Change nothing.")
        self.leave.clicked.connect(model.drop_offer)
        self._lines = column(spacing=10)
        self.limits = Text("", "muted", wrap=True)
        self.body.addLayout(self._lines)
        self.add(self.limits)
        self.body.addLayout(row(self.apply, self.leave, STRETCH))

    def render_view(self, view: OfferView | None) -> None:
        """Show what is offered, if anything is."""
        self.setVisible(view is not None)
        if view is None or view == self._shown:
            return
        self._shown = view
        self.title.setText(view.title)
        clear(self._lines)
        for change in view.changes:
            self._lines.addWidget(_change(change))
        self.limits.setText(view.limits)
        self.limits.setVisible(bool(view.limits))
        self.apply.setVisible(bool(view.changes))
        self.leave.setText("Leave as it is" if view.changes else "Close")


def _change(change: ChangeLine) -> QWidget:
    head = row(Text(change.text, "strong"), STRETCH, Text(change.saves, "muted"))
    return boxed(column(head, Text(change.why, "muted", wrap=True), spacing=2))


class OtherCard(Card):
    """The same question for a card one does not own, and which card it would take."""

    def __init__(self, model: SetupViewModel) -> None:
        super().__init__(
            "Another card", subtitle="The same question for a card you do not own."
        )
        self._model = model
        self._shown: CardsView | None = None
        self.field = QLineEdit()
        self.field.setPlaceholderText("12 GiB, or a name such as RTX 4070")
        self.field.setAccessibleName("Another card: its memory or its name")
        self.field.setToolTip(
            plain_tip("A memory size, or the name of a card. Enter to judge by it.")
        )
        self.field.setCompleter(self._completer(model.fit.card_names))
        self.field.returnPressed.connect(self._on_asked)
        self.judge = SecondaryButton("Judge by it", tip="Draw the bars for that card.")
        self.judge.clicked.connect(self._on_asked)
        self.back = GhostButton(
            "Back to this machine", tip="Draw the bars for this machine again."
        )
        self.back.clicked.connect(self.go_back)
        self.failure = Text("", "error", wrap=True)
        self.which = GhostButton("Which card would I need?", tip="", icon="chip")
        self.which.clicked.connect(model.fit.ask_which_card)
        self.wonder = GhostButton(
            "What else fits?",
            tip="Compare models, lengths and batches on the page “What fits?”.",
            icon="fits",
        )
        self.wonder.clicked.connect(model.open_what_fits)
        self.answer = Text("", wrap=True)
        self._lines = column(spacing=4)
        self.body.addLayout(row(grow(self.field), self.judge, self.back))
        self.add(self.failure)
        self.body.addLayout(row(self.which, self.wonder, STRETCH))
        self.add(self.answer)
        self.body.addLayout(self._lines)

    def _completer(self, names: tuple[str, ...]) -> QCompleter:
        made = QCompleter(QStringListModel(list(names), self), self)
        made.setFilterMode(Qt.MatchFlag.MatchContains)
        made.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        made.setMaxVisibleItems(_SUGGESTED)
        cast("Any", made).activated[str].connect(self._on_suggested)
        return made

    def render_view(self, view: FitView) -> None:
        """Show what was asked, and what the cards answered."""
        if not self.field.hasFocus():
            self.field.setText(view.other_text)
        self.back.setVisible(view.is_other or view.other_failure is not None)
        told = view.other_failure
        self.failure.setText(f"{told.message} {told.hint}" if told else "")
        self.failure.setVisible(told is not None)
        self.which.setEnabled(bool(view.bars))
        self.which.set_tip(
            "List the smallest cards that hold these settings."
            if view.bars
            else "Choose a model first."
        )
        if view.cards == self._shown:
            return
        self._shown = view.cards
        clear(self._lines)
        self.answer.setVisible(view.cards is not None)
        if view.cards is not None:
            self.answer.setText(view.cards.text)
            for line in view.cards.lines:
                self._lines.addWidget(self._line(line))

    def _line(self, line: CardLine) -> QWidget:
        name = GhostButton(line.name, tip=line.tip, compact=True)
        name.clicked.connect(lambda: self._model.ask_other_card(line.name))
        detail = ElidedLabel(line.detail, "muted")
        detail.setAlignment(Qt.AlignmentFlag.AlignRight)
        badge = Badge(line.verdict, line.tone)
        return boxed(row(name, grow(detail), badge, spacing=12))

    def go_back(self) -> None:
        """Judge by this machine again."""
        self.field.clear()
        self._model.ask_other_card("")

    def _on_asked(self) -> None:
        self._model.ask_other_card(self.field.text())

    def _on_suggested(self, name: str) -> None:
        self._model.ask_other_card(name)


class Figures(Expander):
    """Every part with its colour and formula, the disk, and who else is there."""

    def __init__(self) -> None:
        super().__init__(
            "Figures behind it",
            tip="Each part in bytes with its formula, the disk, who else uses the card.",
        )
        self.parts = PartTable()
        self.disk = KeyValueTable(columns=2)
        self.others = KeyValueTable()
        self.body.addWidget(Text("Memory, part by part", "heading"))
        self.body.addWidget(
            Text("Rest the pointer on a part to see its formula.", "muted", wrap=True)
        )
        self.body.addWidget(self.parts)
        self.body.addWidget(divider())
        self.body.addWidget(Text("Disk", "heading"))
        self.body.addWidget(self.disk)
        self._others_line = divider()
        self._others_title = Text("Also on the card", "heading")
        for widget in (self._others_line, self._others_title, self.others):
            self.body.addWidget(widget)

    def render_view(self, view: FitView) -> None:
        """Show the figures of `view`."""
        self.parts.show_lines(
            [
                PartLine(
                    name=part.name,
                    size=part.size,
                    share=part.share,
                    what=part.what,
                    tip=part.tip,
                    series=part.series,
                )
                for part in view.parts
            ]
        )
        self.disk.show_rows(view.disk)
        self.others.show_rows(view.others)
        for widget in (self._others_line, self._others_title, self.others):
            widget.setVisible(bool(view.others))
