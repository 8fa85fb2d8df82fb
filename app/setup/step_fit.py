"""Step 4: does it fit, what would make it fit, and what about another card."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QSignalBlocker
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QWidget

from app import theme
from app.setup.exact_row import ExactRow
from app.setup.fit_view import BarRow, ChangeLine, FitView, SliderValue
from app.setup.viewmodel import SetupViewModel
from app.widgets.badge import Badge
from app.widgets.buttons import GhostButton, PrimaryButton, SecondaryButton
from app.widgets.card import Card
from app.widgets.expander import Expander
from app.widgets.fields import LabeledSlider
from app.widgets.layout import STRETCH, boxed, clear, column, divider, grow, row
from app.widgets.memory_bar import MemoryBar, MemoryPart, MemoryRow
from app.widgets.notice import Action, Notice
from app.widgets.page import PageBody
from app.widgets.tables import KeyValueTable
from app.widgets.text import Text, plain_tip

_TWO_COLUMNS: Final = 620  # below this many pixels two sliders crowd each other


class OfferCard(Card):
    """What "Make it fit" would change, to apply or to leave."""

    def __init__(self, model: SetupViewModel) -> None:
        super().__init__("Make it fit")
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

    def render_view(self, view: FitView) -> None:
        """Show what is offered, if anything is."""
        self.setVisible(view.offer is not None)
        if view.offer is None:
            return
        self.title.setText(view.offer_title)
        clear(self._lines)
        for change in view.offer:
            self._lines.addWidget(_change(change))
        self.limits.setText(view.offer_limits)
        self.limits.setVisible(bool(view.offer_limits))
        self.apply.setVisible(bool(view.offer))
        self.leave.setText("Leave as it is" if view.offer else "Close")


def _change(change: ChangeLine) -> QWidget:
    head = row(Text(change.text, "strong"), STRETCH, Text(change.saves, "muted"))
    return boxed(column(head, Text(change.why, "muted", wrap=True), spacing=2))


class FitStep(PageBody):
    """The memory bar, sliders that redraw it, and the figures behind it."""

    def __init__(self, model: SetupViewModel, parent: QWidget | None = None) -> None:
        super().__init__(name="Fit", parent=parent)
        # The page around all steps has the margins; here only the scroll bar's room.
        self.column.setContentsMargins(0, 0, 12, 12)
        self.column.setSpacing(16)
        self._model = model
        self._shown: FitView | None = None
        self.sliders: dict[str, LabeledSlider] = {}
        self._columns = 1
        self.failure = Notice()
        self.offer = OfferCard(model)
        self.add(self.failure)
        self.add(self._bar_card())
        self.add(self.offer)
        self.add(self._slider_card())
        self.add(self._other_card())
        self.add(self._figures())
        self.add(STRETCH)

    def _bar_card(self) -> Card:
        card = Card("Memory")
        self.verdict = Badge()
        self.device = Text("", "muted", wrap=True)
        self.bar = MemoryBar()
        self.reason = Text("", wrap=True)
        self.exact = ExactRow(self._model.fit.exact.run, self._model.fit.exact.cancel)
        self.others_text = Text("", "muted", wrap=True)
        self.disk_line = Text("", "muted", wrap=True)
        self.empty = Text("", "muted", wrap=True)
        self.make_fit = SecondaryButton("Make it fit", icon="target", tip="")
        self.make_fit.clicked.connect(self._model.offer_fit)
        self.compare = QCheckBox("Compare with 8-bit LoRA and full fine-tuning")
        self.compare.setToolTip(
            plain_tip("Draws two methods this version cannot train, for comparison.")
        )
        self.compare.toggled.connect(self._on_compared)
        card.header.addWidget(self.verdict)
        card.add(self.device)
        card.add(self.empty)
        card.add(self.bar)
        card.add(self.reason)
        card.add(self.exact)
        card.add(self.others_text)
        card.add(self.disk_line)
        card.body.addLayout(row(self.make_fit, STRETCH))
        card.add(self.compare)
        return card

    def _slider_card(self) -> Card:
        self.slider_card = Card("What moves it")
        self._slider_grid = QGridLayout()
        self._slider_grid.setHorizontalSpacing(32)
        self._slider_grid.setVerticalSpacing(12)
        self.effective = Text("", "muted", wrap=True)
        self.slider_card.body.addLayout(self._slider_grid)
        self.slider_card.add(self.effective)
        return self.slider_card

    def _other_card(self) -> Card:
        card = Card(
            "Another card", subtitle="The same question for a card you do not own."
        )
        self.other = QLineEdit()
        self.other.setPlaceholderText("12 GiB, or a name such as RTX 4070")
        self.other.setAccessibleName("Another card: its memory or its name")
        self.other.setToolTip(
            plain_tip("A memory size, or the name of a card. Enter to judge by it.")
        )
        self.other.returnPressed.connect(self._on_other)
        self.judge = SecondaryButton("Judge by it", tip="Draw the bars for that card.")
        self.judge.clicked.connect(self._on_other)
        self.back = GhostButton(
            "Back to this machine", tip="Draw the bars for this machine again."
        )
        self.back.clicked.connect(self._on_back)
        self.other_failure = Text("", "error", wrap=True)
        card.body.addLayout(row(grow(self.other), self.judge, self.back))
        card.add(self.other_failure)
        return card

    def _figures(self) -> Expander:
        self.details = Expander(
            "Figures behind it",
            tip="Each part in bytes, the disk, and who else uses it.",
        )
        self.table = KeyValueTable(columns=2)
        self.disk = KeyValueTable(columns=2)
        self.others = KeyValueTable()
        for part in (
            Text("Memory, part by part", "heading"), self.table, divider(),
            Text("Disk", "heading"), self.disk,
            self.others,
        ):  # fmt: skip
            self.details.body.addWidget(part)
        return self.details

    def render_view(self, view: FitView) -> None:
        """Show `view`."""
        if view == self._shown:
            return
        self._shown = view
        self._render_failure(view)
        self.device.setText(f"{view.device_title}: {view.device_detail}")
        self.verdict.setVisible(bool(view.verdict))
        self.verdict.show_text(view.verdict, view.verdict_tone)
        self.bar.setVisible(bool(view.bars))
        self.bar.show_rows(
            [_bar(item) for item in view.bars],
            free_bytes=view.free_bytes,
            free_label=view.free_label,
        )
        self.reason.setText(view.reason)
        self.reason.setVisible(bool(view.reason))
        self.exact.setVisible(not view.empty_text)
        self.exact.render_view(view.exact)
        self.empty.setText(view.empty_text)
        self.empty.setVisible(bool(view.empty_text))
        self.make_fit.setEnabled(view.can_make_fit)
        self.make_fit.setText(view.make_fit_text)
        self.make_fit.set_tip(view.make_fit_tip)
        self.offer.render_view(view)
        for slider in view.sliders:
            self._render_slider(slider)
        self.effective.setText(view.effective_text)
        self._render_rest(view)

    def _render_failure(self, view: FitView) -> None:
        if view.failure is None:
            self.failure.clear()
        else:
            again = Action(text="Try again", run=self._on_back)
            self.failure.show_notice(
                "bad", view.failure.message, view.failure.hint, actions=(again,)
            )

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Stand the sliders side by side where there is room, else one below another."""
        super().resizeEvent(event)
        columns = 2 if self.viewport().width() >= theme.px(_TWO_COLUMNS) else 1
        if columns != self._columns:
            self._columns = columns
            self._place_sliders()

    def _place_sliders(self) -> None:
        for at, slider in enumerate(self.sliders.values()):
            self._slider_grid.addWidget(slider, *divmod(at, self._columns))

    def _render_slider(self, shown: SliderValue) -> None:
        if shown.key not in self.sliders:
            made = LabeledSlider(
                shown.label,
                stops=shown.stops,
                default=shown.default,
                unit=shown.unit,
                tip=shown.tip,
            )
            made.edited.connect(self._setter(shown.key))
            self.sliders[shown.key] = made
            self._place_sliders()
        slider = self.sliders[shown.key]
        slider.set_stops(shown.stops)
        if slider.value != shown.value:
            slider.set_value(shown.value)

    def _setter(self, key: str) -> Callable[[float], None]:
        return lambda value: self._model.set_value(key, int(value))

    def _render_rest(self, view: FitView) -> None:
        if not self.other.hasFocus():
            self.other.setText(view.other_text)
        self.back.setVisible(view.is_other or view.other_failure is not None)
        told = view.other_failure
        self.other_failure.setText(f"{told.message} {told.hint}" if told else "")
        self.other_failure.setVisible(told is not None)
        with QSignalBlocker(self.compare):
            self.compare.setChecked(view.compares_all)
        self.table.show_rows(view.table)
        self.disk.show_rows(view.disk)
        self.others.show_rows(view.others)
        self.others.setVisible(bool(view.others))
        self.disk_line.setText(view.disk_line)
        self.disk_line.setVisible(bool(view.disk_line))
        self.others_text.setText(view.others_text)
        self.others_text.setVisible(bool(view.others_text))

    def _on_compared(self, compares: bool) -> None:  # noqa: FBT001 - Qt's signal
        self._model.compare_all(compares=compares)

    def _on_other(self) -> None:
        self._model.ask_other_card(self.other.text())

    def _on_back(self) -> None:
        self.other.clear()
        self._model.ask_other_card("")


def _bar(item: BarRow) -> MemoryRow:
    return MemoryRow(
        label=item.label,
        parts=tuple(
            MemoryPart(name=part.name, size_bytes=part.size_bytes, tip=part.tip)
            for part in item.parts
        ),
        low_bytes=item.low_bytes,
        high_bytes=item.high_bytes,
        verdict=item.verdict,
        tone=item.tone,
        chosen=item.is_chosen,
    )
