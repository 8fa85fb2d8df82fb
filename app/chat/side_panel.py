"""Who answers and how: base, adapters with their scales, system prompt, sampling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Slot
from PySide6.QtWidgets import QCheckBox, QPlainTextEdit, QVBoxLayout, QWidget

from app import theme
from app.chat.viewmodel import ChatViewModel
from app.chat.views import AdapterChoice, ChatView
from app.widgets.badge import Badge
from app.widgets.buttons import SecondaryButton
from app.widgets.card import Card
from app.widgets.expander import Expander
from app.widgets.fields import Choice, LabeledSlider, NumberField, keep_narrow
from app.widgets.layout import STRETCH, boxed, clear, column, row, tab_as_laid_out
from app.widgets.page import PageBody
from app.widgets.text import Text, plain_tip
from core.chat.events import Sampling

_SCALES = (0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2)
_DEFAULT = Sampling()
_NAME_WIDTH = 220


class SidePanel(PageBody):
    """Paints the choices of a `ChatView`; edits go to the view-model."""

    def __init__(self, model: ChatViewModel, *, parent: QWidget | None = None) -> None:
        super().__init__(name="Voices and sampling", parent=parent)
        self._model = model
        self._shown: tuple[AdapterChoice, ...] | None = None
        self._sliders: dict[str, LabeledSlider] = {}
        self.column.setContentsMargins(0, 28, 12, 24)
        self.column.setSpacing(16)
        self.add(self._voices_card())
        self.add(self._prompt_card())
        self.add(self._sampling_card())
        self.column.addStretch(1)

    def _voices_card(self) -> Card:
        self.state = Badge("Not loaded")
        self.state_detail = Text("", "caption", wrap=True)
        self.fit = Badge()
        self.fit_detail = Text("", "caption", wrap=True)
        self.load = SecondaryButton(
            "Load", tip="Loads the base now instead of with the first prompt."
        )
        self.load.clicked.connect(self._model.load)
        self.unload = SecondaryButton(
            "Unload", tip="Frees the memory; the conversation stays."
        )
        self.unload.clicked.connect(self._model.unload)
        self.base = Choice(name="Base model", tip="The model that answers.")
        self.base.picked.connect(self._model.pick_base)
        keep_narrow(self.base, letters=16)
        self.with_base = QCheckBox("The base answers too")
        self.with_base.setToolTip(
            plain_tip("Adds a column with the base's own answers, to compare with.")
        )
        self.with_base.toggled.connect(self._model.use_base)
        self.quantized = QCheckBox("Hold the base in 4 bit")
        self.quantized.setToolTip(
            plain_tip(
                "As QLoRA trains it: about a third of the memory, slightly different"
                " answers. Unloads the model; the next prompt loads it again."
            )
        )
        self.quantized.toggled.connect(self._model.set_quantized)
        self._adapters = QVBoxLayout()
        self._adapters.setSpacing(12)
        self.note = Text("", "muted", wrap=True)
        card = Card(padding=16)
        card.add(Text("Base model", "caption"))
        card.add(self.base)
        card.body.addLayout(row(self.state, STRETCH, self.load, self.unload))
        card.add(self.state_detail)
        fit = row(self.fit, self.fit_detail)
        fit.setStretch(1, 1)  # wraps beside a long verdict
        card.body.addLayout(fit)
        card.add(self.with_base)
        card.add(self.quantized)
        card.add(Text("Adapters", "caption"))
        card.body.addLayout(self._adapters)
        card.add(self.note)
        return card

    def _prompt_card(self) -> Card:
        self.system = QPlainTextEdit()
        self.system.setAccessibleName("System prompt")
        self.system.setPlaceholderText("None")
        self.system.setToolTip(
            plain_tip("Stands before every conversation. Used from the next prompt on.")
        )
        self.system.setTabChangesFocus(True)
        theme.keep_size(self.system, height=72)
        self.system.textChanged.connect(self._on_system)
        card = Card(padding=16)
        card.add(Text("System prompt", "caption"))
        card.add(self.system)
        return card

    def _sampling_card(self) -> Card:
        self.temperature = LabeledSlider(
            "Temperature",
            stops=[at / 20 for at in range(41)],
            default=_DEFAULT.temperature,
            decimals=2,
            tip="0 always takes the likeliest token, so answers repeat exactly. Raised:"
            " more variety, more mistakes.",
        )
        self.longest = LabeledSlider(
            "Longest answer",
            stops=[16, 32, 64, 128, 256, 512, 1024, 2048, 4096],
            default=_DEFAULT.max_tokens,
            unit="tokens",
            tip="Answers are cut after so many tokens. Raised: longer answers, longer"
            " waits.",
        )
        self.top_p = LabeledSlider(
            "Top-p",
            stops=[at / 20 for at in range(1, 21)],
            default=_DEFAULT.top_p,
            decimals=2,
            tip="Draws from the likeliest tokens that make up this share. Raised: rarer"
            " words come up. Without effect at temperature 0.",
        )
        self.repetition = LabeledSlider(
            "Repetition",
            stops=[1 + at / 20 for at in range(11)],
            default=_DEFAULT.repetition_penalty,
            decimals=2,
            tip="Repetition penalty: makes tokens that were said less likely. Raised: fewer loops, odder"
            " words.",
        )
        self.seed = NumberField(
            name="Seed",
            tip="The same seed and settings give the same answers.",
            most=2**31 - 1,
        )
        self.top_k = NumberField(
            name="Top-k",
            tip="Draws from so many of the likeliest tokens; 0 means all.",
            most=1000,
        )
        for slider in (self.temperature, self.longest, self.top_p, self.repetition):
            slider.edited.connect(self._on_sampling)
        for field in (self.seed, self.top_k):
            field.valueChanged.connect(self._on_sampling)
        more = Expander("More sampling", tip="Top-p, top-k, repetition, seed.")
        for item in (self.top_p, self.repetition):
            more.body.addWidget(item)
        more.body.addLayout(row(Text("Top-k"), STRETCH, self.top_k))
        more.body.addLayout(row(Text("Seed"), STRETCH, self.seed))
        card = Card(padding=16)
        for item in (self.temperature, self.longest, more):
            card.add(item)
        return card

    def render_view(self, view: ChatView) -> None:
        """Paint the choices of `view`. The only place that writes to these widgets."""
        self.base.set_options(view.bases)
        self.base.set_key(view.base_id)
        self.base.setEnabled(bool(view.bases))
        self.state.show_text(view.state, view.state_tone)
        self.state_detail.setText(view.state_detail)
        self.state_detail.setVisible(bool(view.state_detail))
        self.fit.setVisible(view.fit is not None)
        self.fit_detail.setVisible(view.fit is not None)
        if view.fit is not None:
            self.fit.show_text(view.fit.word, view.fit.tone, tip=view.fit.tip)
            self.fit_detail.setText(view.fit.text)
            self.fit_detail.setToolTip(plain_tip(view.fit.tip))
        self.load.setVisible(view.can_load)
        self.load.setText(view.load_text)
        self.unload.setVisible(view.can_unload)
        for box, checked in (
            (self.with_base, view.with_base),
            (self.quantized, view.quantized),
        ):
            with QSignalBlocker(box):
                box.setChecked(checked)
        self.with_base.setEnabled(view.can_switch_base)
        self._render_adapters(view.adapters)
        self.note.setText(view.adapters_note)
        self.note.setVisible(bool(view.adapters_note))
        if not self.system.hasFocus() and self.system.toPlainText() != view.system:
            with QSignalBlocker(self.system):
                self.system.setPlainText(view.system)
        self._render_sampling(view.sampling)

    def _render_sampling(self, sampling: Sampling) -> None:
        self.temperature.set_value(sampling.temperature)
        self.longest.set_value(sampling.max_tokens)
        self.top_p.set_value(sampling.top_p)
        self.repetition.set_value(sampling.repetition_penalty)
        for field, value in ((self.seed, sampling.seed), (self.top_k, sampling.top_k)):
            with QSignalBlocker(field):
                field.setValue(value)

    def _render_adapters(self, choices: tuple[AdapterChoice, ...]) -> None:
        if choices == self._shown:
            return
        old, self._shown = self._shown or (), choices
        if _without_scales(old) == _without_scales(choices):
            for choice in choices:  # built again, a slider would slip from the hand
                if choice.adapter_id in self._sliders:
                    self._sliders[choice.adapter_id].set_value(choice.scale)
            return
        clear(self._adapters)
        self._sliders = {}
        for choice in choices:
            self._adapters.addWidget(self._made(choice))
        tab_as_laid_out(self)

    def _made(self, choice: AdapterChoice) -> QWidget:
        box = QCheckBox()
        room = theme.px(_NAME_WIDTH)
        name = box.fontMetrics().elidedText(
            choice.name, Qt.TextElideMode.ElideRight, room
        )
        box.setText(name.replace("&", "&&"))
        box.setAccessibleName(choice.name)
        box.setChecked(choice.is_chosen)
        box.setEnabled(choice.can_choose)
        box.setToolTip(plain_tip(f"{choice.name}. {choice.tip}"))
        box.setAccessibleDescription(choice.detail)
        box.toggled.connect(self._choosing(choice.adapter_id))
        parts: list[object] = [box]
        if choice.detail:
            parts.append(Text(choice.detail, "caption"))
        if choice.is_chosen:
            slider = LabeledSlider(
                "Scale",
                stops=_SCALES,
                default=1.0,
                decimals=2,
                tip="How strongly the adapter speaks: 0 is the base, 1 as trained."
                " Raised above 1: exaggerated.",
            )
            slider.set_value(choice.scale)
            slider.edited.connect(self._scaling(choice.adapter_id))
            self._sliders[choice.adapter_id] = slider
            parts.append(slider)
        return boxed(column(*parts, spacing=2))

    def _choosing(self, adapter_id: str) -> Callable[[bool], None]:
        def choose(wanted: bool) -> None:  # noqa: FBT001 - Qt's signal
            # The panel is built again by it: not while the box's own click is handled.
            QTimer.singleShot(
                0,
                self,
                lambda: self._model.use_adapter(adapter_id, wanted=wanted),
            )

        return choose

    def _scaling(self, adapter_id: str) -> Callable[[float], None]:
        def scale(value: float) -> None:
            self._model.set_scale(adapter_id, value)

        return scale

    @Slot()
    def _on_system(self) -> None:
        self._model.set_system(self.system.toPlainText())

    @Slot()
    def _on_sampling(self) -> None:
        self._model.set_sampling(
            Sampling(
                temperature=self.temperature.value,
                top_p=self.top_p.value,
                top_k=self.top_k.value(),
                repetition_penalty=self.repetition.value,
                max_tokens=round(self.longest.value),
                seed=self.seed.value(),
            )
        )


def _without_scales(
    choices: tuple[AdapterChoice, ...],
) -> tuple[AdapterChoice, ...]:
    return tuple(replace(choice, scale=0.0) for choice in choices)
