"""Step 3: LoRA or QLoRA, how thorough, and every setting."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.setup.method_view import MethodCard, MethodView, PresetCard
from app.setup.settings_form import SettingsForm
from app.setup.viewmodel import SetupViewModel
from app.widgets.badge import Badge
from app.widgets.card import ChoiceCard
from app.widgets.expander import Expander
from app.widgets.layout import STRETCH, column, row
from app.widgets.page import PageBody
from app.widgets.text import Text
from core.plan.plan import MethodKind


class MethodChoice(ChoiceCard):
    """One method, large: what it costs in memory, speed and quality."""

    def __init__(self, kind: MethodKind, name: str) -> None:
        super().__init__(name=name)
        self.kind: MethodKind = kind
        self.title = Text(name, "heading")
        self.recommended = Badge("Recommended", "accent")
        keep = self.recommended.sizePolicy()
        keep.setRetainSizeWhenHidden(True)  # both cards' lines stand at one height
        self.recommended.setSizePolicy(keep)
        self.what = Text("", "muted", wrap=True)
        self.memory = Text("", "figure")
        self.detail = Text("", "caption", wrap=True)
        self.verdict = Badge()
        self.speed = Text("", wrap=True)
        self.quality = Text("", wrap=True)
        self.body.addLayout(row(self.title, STRETCH, self.recommended))
        self.body.addWidget(self.what)
        self.body.addSpacing(4)
        self.body.addLayout(row(self.memory, 4, self.verdict, STRETCH))
        self.body.addWidget(self.detail)
        self.body.addSpacing(4)
        for name_, text in (("Speed", self.speed), ("Quality", self.quality)):
            self.body.addLayout(column(Text(name_, "caption"), text, spacing=0))
        self.body.addStretch(1)

    def render_card(self, card: MethodCard) -> None:
        """Show `card`."""
        self.set_chosen(card.is_chosen)
        self.recommended.setVisible(card.is_recommended)
        self.what.setText(card.what)
        self.memory.setText(card.memory)
        self.detail.setText(card.memory_detail)
        self.verdict.setVisible(bool(card.verdict))
        self.verdict.show_text(card.verdict.capitalize(), card.tone)
        self.speed.setText(card.speed)
        self.quality.setText(card.quality)
        self.setAccessibleDescription(
            f"{card.memory} {card.memory_detail}, {card.verdict}. {card.speed}"
            f" {card.quality}"
        )


class PresetChoice(ChoiceCard):
    """One preset, small."""

    def __init__(self, card: PresetCard) -> None:
        super().__init__(name=card.name, tip=f"{card.what} {card.detail}")
        self.body.addWidget(Text(card.name, "strong"))
        self.body.addWidget(Text(card.what, "muted", wrap=True))
        self.body.addStretch(1)
        self.body.addWidget(Text(card.detail, "caption", wrap=True))


class MethodStep(PageBody):
    """Two large choices, three presets, and the form behind them."""

    def __init__(self, model: SetupViewModel, parent: QWidget | None = None) -> None:
        super().__init__(name="Method", parent=parent)
        # The page around all steps has the margins; here only the scroll bar's room.
        self.column.setContentsMargins(0, 0, 12, 12)
        self.column.setSpacing(16)
        self._model = model
        self._shown: MethodView | None = None
        self.methods: dict[MethodKind, MethodChoice] = {}
        self.presets: dict[str, PresetChoice] = {}
        self._method_row = QHBoxLayout()
        self._method_row.setSpacing(16)
        self._preset_row = QHBoxLayout()
        self._preset_row.setSpacing(16)
        self.recommendation = Text("", wrap=True)
        self.preset_text = Text("", "muted", wrap=True)
        self.all = Expander(
            "All settings",
            tip="Rank, alpha, targets, number formats, schedule: everything a plan has.",
        )
        self.form: SettingsForm | None = None
        self._is_open = False
        self._has_form = False
        self._idle = QTimer(self)
        self._idle.timeout.connect(self._prepare_form)
        self.all.toggled.connect(self._on_opened)
        self.add(column(self._method_row, self.recommendation, spacing=12))
        self.add(
            column(
                Text("How thorough", "heading"),
                self._preset_row,
                self.preset_text,
                spacing=12,
            )
        )
        self.add(self.all)
        self.add(STRETCH)

    def render_view(self, view: MethodView) -> None:
        """Show `view`."""
        if view == self._shown:
            return
        self._shown = view
        for card in view.cards:
            self._method(card).render_card(card)
        for preset in view.presets:
            self._preset(preset).set_chosen(preset.is_chosen)
        self.recommendation.setText(view.recommendation)
        self.recommendation.setVisible(bool(view.recommendation))
        self.preset_text.setText(view.preset_text)
        self.preset_text.setVisible(bool(view.preset_text))
        if self._is_open:
            self._fill_form(view)

    def open_settings(self) -> None:
        """Unfold all settings, every control made: one of them is to be shown."""
        self._has_form = True
        self.all.set_open(True)
        if self._shown is not None:
            self._fill_form(self._shown)

    def _method(self, card: MethodCard) -> MethodChoice:
        if card.kind not in self.methods:
            made = MethodChoice(card.kind, card.name)
            made.picked.connect(self._chooser(card.kind))
            self.methods[card.kind] = made
            self._method_row.addWidget(made, 1)
        return self.methods[card.kind]

    def _chooser(self, kind: MethodKind) -> Callable[[], None]:
        return lambda: self._model.choose_method(kind)

    def _preset(self, card: PresetCard) -> PresetChoice:
        if card.key not in self.presets:
            made = PresetChoice(card)
            made.picked.connect(self._preset_chooser(card.key))
            self.presets[card.key] = made
            self._preset_row.addWidget(made, 1)
        return self.presets[card.key]

    def _preset_chooser(self, key: str) -> Callable[[], None]:
        return lambda: self._model.choose_preset(key)

    def showEvent(self, event: QShowEvent) -> None:
        """Make the form's controls one by one while there is nothing to do."""
        super().showEvent(event)
        if not self._has_form:
            self._idle.start(0)

    def hideEvent(self, event: QHideEvent) -> None:
        """Leave the rest until the step is looked at again."""
        super().hideEvent(event)
        self._idle.stop()

    def _prepare_form(self) -> None:
        if self._shown is not None and self._made_form().build_one(
            self._shown.settings
        ):
            return
        self._idle.stop()
        if self._shown is not None:
            self._has_form = True
            if self._is_open:
                self._fill_form(self._shown)

    def _fill_form(self, view: MethodView) -> None:
        """Show the settings once every control is there; until then they are made."""
        if self._has_form:
            self._made_form().render_view(view.settings)
        elif self.isVisible():
            self._idle.start(0)

    def _made_form(self) -> SettingsForm:
        if self.form is None:
            self.form = SettingsForm(self._model.type_value)
            self.form.chosen.connect(self._model.set_value)
            self.form.reset_asked.connect(self._model.reset)
            self.form.searched.connect(self._model.search_settings)
            self.all.body.addWidget(self.form)
            self.form.show()  # now, so that a field in it can take the focus
        return self.form

    def _on_opened(self, is_open: bool) -> None:  # noqa: FBT001 - Qt's signal
        self._is_open = is_open
        if is_open and self._shown is not None:
            self._fill_form(self._shown)
