"""Step 4: does it fit, what would make it fit, and what about another card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSignalBlocker, QTimer
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QCheckBox, QGridLayout, QWidget

from app import theme
from app.setup.bars import memory_row
from app.setup.exact_row import ExactRow
from app.setup.fit_cards import Figures, OfferCard, OtherCard
from app.setup.fit_text import as_text
from app.setup.fit_view import FitView, SliderValue
from app.setup.viewmodel import SetupViewModel
from app.widgets.badge import Badge
from app.widgets.buttons import IconButton, SecondaryButton
from app.widgets.card import Card
from app.widgets.fields import LabeledSlider
from app.widgets.layout import STRETCH, row
from app.widgets.memory_bar import MemoryBar
from app.widgets.notice import Action, Notice
from app.widgets.page import PageBody
from app.widgets.picture import ask_where, save_png
from app.widgets.tables import KeyValueTable
from app.widgets.text import Text, plain_tip

_TWO_COLUMNS: Final = 620  # below this many pixels two sliders crowd each other


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
        self.other = OtherCard(model)
        self.add(self.other)
        self.details = Figures()
        self.add(self.details)
        self.add(STRETCH)

    def _bar_card(self) -> Card:
        card = Card("Memory")
        self.verdict = Badge()
        self.device = Text("", "muted", wrap=True)
        self.bar = MemoryBar()
        self.reason = Text("", wrap=True)
        self.exact = ExactRow(self._model.fit.exact.run, self._model.fit.exact.cancel)
        self.facts = KeyValueTable()
        self.empty = Text("", "muted", wrap=True)
        self.make_fit = SecondaryButton("Make it fit", icon="target", tip="")
        self.make_fit.clicked.connect(self._model.offer_fit)
        self.compare = QCheckBox("Compare with 8-bit LoRA and full fine-tuning")
        self.compare.setToolTip(
            plain_tip("Draws two methods this version cannot train, for comparison.")
        )
        self.compare.toggled.connect(self._on_compared)
        self.copy = IconButton(
            "copy", name="Copy as text", tip="Bars, parts, disk and time, to paste."
        )
        self.copy.clicked.connect(self._on_copied)
        self.picture = IconButton(
            "save", name="Save as picture", tip="The bars as a PNG file."
        )
        self.picture.clicked.connect(self._on_picture)
        for widget in (self.verdict, self.copy, self.picture):
            card.header.addWidget(widget)
        card.add(self.device)
        card.add(self.empty)
        card.add(self.bar)
        card.add(self.reason)
        card.add(self.exact)
        card.add(self.facts)
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
        self.copy.setVisible(bool(view.bars))
        self.picture.setVisible(bool(view.bars))
        self.bar.show_rows(
            [memory_row(item) for item in view.bars],
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
        is_new = view.offer is not None and self.offer.isHidden()
        self.offer.render_view(view.offer)
        if is_new:  # after the layout has found its place
            QTimer.singleShot(0, self, lambda: self.ensureWidgetVisible(self.offer))
        for slider in view.sliders:
            self._render_slider(slider)
        self.effective.setText(view.effective_text)
        self._render_rest(view)

    def _render_failure(self, view: FitView) -> None:
        if view.failure is None:
            self.failure.clear()
        else:
            again = Action(text="Try again", run=self.other.go_back)
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
        self.other.render_view(view)
        self.details.render_view(view)
        with QSignalBlocker(self.compare):
            self.compare.setChecked(view.compares_all)
        self.facts.show_rows(view.facts)
        self.facts.setVisible(bool(view.facts))

    def _on_compared(self, compares: bool) -> None:  # noqa: FBT001 - Qt's signal
        self._model.compare_all(compares=compares)

    def _on_copied(self) -> None:
        if self._shown is not None:
            QGuiApplication.clipboard().setText(as_text(self._shown))
            self._model.tell("Copied")

    def _on_picture(self) -> None:
        if self._shown is not None:
            ask_where(self, self._shown.picture_name, self.save_picture)

    def save_picture(self, path: Path) -> None:
        """Write the bars to `path`, with what they show in words above them."""
        if self._shown is None:
            return
        try:
            save_png(self.bar, path, self._shown.title)
        except OSError as err:
            self._model.tell(str(err))
            return
        self._model.tell(f"Saved as {path.name}")
