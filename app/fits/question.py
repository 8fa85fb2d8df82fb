"""The question as a panel: model, device, method, and the sliders that move memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QCheckBox, QWidget

from app import theme
from app.fits.question_view import QuestionView
from app.fits.viewmodel import FitsViewModel
from app.setup.fit_view import SliderValue
from app.setup.state import Failure
from app.widgets.buttons import GhostButton, IconButton
from app.widgets.card import Card
from app.widgets.fields import LabeledSlider, Segmented
from app.widgets.layout import (
    STRETCH,
    boxed,
    column,
    divider,
    grow,
    row,
    tab_as_laid_out,
)
from app.widgets.picker import Picker
from app.widgets.text import Text, plain_tip
from core.plan.plan import MethodKind

_FIELD_WIDTH: Final = 112


class QuestionCard(Card):
    """What is asked; every control is an intent to the view-model."""

    def __init__(self, model: FitsViewModel, parent: QWidget | None = None) -> None:
        super().__init__(padding=16, parent=parent)
        self._model = model
        self._shown: QuestionView | None = None
        self.sliders: dict[str, LabeledSlider] = {}
        self._make_pickers()
        self.method = Segmented(
            (("lora", "LoRA"), ("qlora", "QLoRA")),
            name="Method",
            tips=(
                "An adapter beside a base model held in 16 bit.",
                "The same beside a base in 4 bit: a fraction of the memory, slower.",
            ),
        )
        self.method.picked.connect(self._on_method)
        self.checkpointing = QCheckBox("Gradient checkpointing")
        self.checkpointing.toggled.connect(self._on_checkpointing)
        self.effective = Text("", "muted", wrap=True)
        self.draft = GhostButton(
            "As on the Train page",
            tip="Ask about the Train page's draft: its model and its settings.",
            icon="reset",
            compact=True,
        )
        self.draft.clicked.connect(model.take_draft)
        self._slider_column = column(spacing=10)
        self._lay_out()

    def _make_pickers(self) -> None:
        self.model_picker = Picker(
            name="Model",
            tip="The base model. Type any part of its name, or the path of a folder or"
            " of a config.json, and press Enter.",
            hint="Name, or path of a folder",
        )
        self.model_picker.picked.connect(self._model.choose_model)
        self.model_picker.typed.connect(self._model.choose_model)
        self.model_detail = Text("", "muted", wrap=True)
        self.model_failure = Text("", "error", wrap=True)
        self.device_picker = Picker(
            name="Card",
            tip="This machine, any card by its name, or a memory size such as 12 GiB."
            " Type and press Enter.",
            hint="Name of a card, or 12 GiB",
        )
        self.device_picker.picked.connect(self._model.ask_device)
        self.device_picker.typed.connect(self._model.ask_device)
        self.device_detail = Text("", "muted", wrap=True)
        self.look_again = IconButton(
            "refresh",
            name="Look again",
            tip="Measures what is free on this machine now: after closing a program, say.",
            size=16,
        )
        self.look_again.clicked.connect(self._model.wake)
        self.device_failure = Text("", "error", wrap=True)

    def _lay_out(self) -> None:
        for head, *parts in (
            (
                "Model",
                self.model_picker,
                self.model_detail,
                self.model_failure,
            ),
            (
                "On",
                self.device_picker,
                boxed(row(grow(self.device_detail), self.look_again, spacing=4)),
                self.device_failure,
            ),
            ("By", self.method),
        ):
            heading = Text(head, "strong")
            self.body.addWidget(boxed(column(heading, *parts, spacing=4)))
        self.add(divider())
        self.body.addLayout(self._slider_column)
        self.add(self.checkpointing)
        self.add(self.effective)
        self.body.addLayout(row(self.draft, STRETCH))
        self.body.addStretch(1)

    def render_view(self, view: QuestionView) -> None:
        """Show `view`."""
        if view is self._shown:
            return
        self._shown = view
        self.model_picker.set_options(view.models)
        self.model_picker.show_choice(view.model_key, view.model_text)
        self.device_picker.set_options(view.devices)
        self.device_picker.show_choice(view.device_key, view.device_text)
        for label, text in (
            (self.model_detail, view.model_detail),
            (self.device_detail, view.device_detail),
            (self.model_failure, _words(view.model_failure)),
            (self.device_failure, _words(view.device_failure)),
        ):
            label.setText(text)
            label.setVisible(bool(text))
        if view.method in ("lora", "qlora"):
            self.method.set_key(view.method)
        known = len(self.sliders)
        for slider in view.sliders:
            self._render_slider(slider)
        if len(self.sliders) > known:
            tab_as_laid_out(self)
        with QSignalBlocker(self.checkpointing):
            self.checkpointing.setChecked(view.checkpointing)
        self.checkpointing.setToolTip(plain_tip(view.checkpointing_tip))
        self.look_again.setVisible(not view.device_key)
        self.effective.setText(view.effective_text)

    def _render_slider(self, shown: SliderValue) -> None:
        if shown.key not in self.sliders:
            made = LabeledSlider(
                shown.label,
                stops=shown.stops,
                default=shown.default,
                tip=f"{shown.tip}\nUnit: {shown.unit}" if shown.unit else shown.tip,
            )
            theme.keep_size(made.spin, width=_FIELD_WIDTH)
            made.edited.connect(self._setter(shown.key))
            self.sliders[shown.key] = made
            self._slider_column.addWidget(made)
        slider = self.sliders[shown.key]
        slider.set_stops(shown.stops)
        if slider.value != shown.value:
            slider.set_value(shown.value)

    def _setter(self, key: str) -> Callable[[float], None]:
        return lambda value: self._model.set_value(key, int(value))

    def _on_method(self, key: str) -> None:
        self._model.choose_method(cast("MethodKind", key))

    def _on_checkpointing(self, on: bool) -> None:  # noqa: FBT001 - Qt's signal
        self._model.set_value("train.gradient_checkpointing", on)


def _words(failure: Failure | None) -> str:
    return f"{failure.message} {failure.hint}".strip() if failure else ""
