"""The form of all settings, built from rows that the one table of plan keys made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from app import theme
from app.setup.settings_view import SettingRow, SettingsView
from app.widgets.buttons import IconButton
from app.widgets.fields import Choice, NumberField, SearchField
from app.widgets.layout import column, grow, row
from app.widgets.text import Text, plain_tip

_WHOLE_LIMIT: Final = 2**31 - 1  # a spin box counts in 32 bits
Typed = Callable[[str, str], str]
"""Takes a key and what was typed; returns what is wrong with it, or nothing."""


class SettingField(QWidget):
    """One setting: its control, a way back to the default, and what is wrong.

    Signals:
        chosen (str, object): the key and a value of its type.
        reset_asked (str): the key to set back.
    """

    chosen = Signal(str, object)
    reset_asked = Signal(str)

    def __init__(self, setting: SettingRow, typed: Typed) -> None:
        super().__init__()
        self._key = setting.key
        self._typed = typed
        self._row: SettingRow | None = None
        self.label = Text(setting.label)
        self.unit = Text(setting.unit, "caption")
        self.back = IconButton(
            "reset", name=f"Reset {setting.label} to default", size=14
        )
        keep = self.back.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self.back.setSizePolicy(keep)
        self.back.clicked.connect(lambda: self.reset_asked.emit(self._key))
        self.control = self._made(setting)
        self.wrong = Text("", "error", wrap=True)
        self.wrong.setVisible(False)
        head = row(self.label, self.back, grow(QWidget()), self.unit, spacing=4)
        self.setLayout(column(head, self.control, self.wrong, spacing=2))
        self.show_row(setting)

    def show_row(self, setting: SettingRow) -> None:
        """Show the value, whether it is changed, and what is wrong with it."""
        if setting == self._row:
            return
        self._row = setting
        for widget in (self.label, self.control):
            widget.setToolTip(plain_tip(setting.tip))
        self.label.set_role("strong" if setting.is_changed else "body")
        self.back.setVisible(setting.is_changed)
        self._say(setting.problem)
        with QSignalBlocker(self.control):
            self._paint(setting)

    def _made(self, setting: SettingRow) -> QWidget:
        match setting.control:
            case "choice":
                choice = Choice(setting.choices, name=setting.label, tip=setting.tip)
                choice.picked.connect(self._choose)
                return choice
            case "switch":
                switch = QCheckBox("On")
                switch.setAccessibleName(setting.label)
                switch.toggled.connect(self._choose)
                return switch
            case "whole" if (setting.high or 0) <= _WHOLE_LIMIT:
                number = NumberField(
                    name=setting.label,
                    least=int(setting.low or 0),
                    most=int(setting.high or _WHOLE_LIMIT),
                )
                number.setSpecialValueText(setting.zero)
                number.valueChanged.connect(self._choose)
                return number
            case "whole" | "number" | "text" | "list":
                line = QLineEdit()
                line.setAccessibleName(setting.label)
                line.editingFinished.connect(self._on_typed)
                return line

    def _paint(self, setting: SettingRow) -> None:
        match self.control:
            case Choice() as choice:
                choice.set_key(str(setting.value))
            case QCheckBox() as switch:
                switch.setChecked(bool(setting.value))
                switch.setText("On" if setting.value else "Off")
            case NumberField() as number:
                number.setValue(int(setting.value))
            case QLineEdit() as line:
                line.setText(setting.text)
            case _:
                pass

    def _choose(self, value: Any) -> None:
        self.chosen.emit(self._key, value)

    def _on_typed(self) -> None:
        if isinstance(self.control, QLineEdit) and self._row is not None:
            text = self.control.text()
            if text != self._row.text:
                self._say(self._typed(self._key, text))

    def _say(self, wrong: str) -> None:
        self.wrong.setText(wrong)
        self.wrong.setVisible(bool(wrong))
        self.control.setProperty("problem", "true" if wrong else "false")
        self.control.style().unpolish(self.control)
        self.control.style().polish(self.control)


class SettingsForm(QWidget):
    """Every setting in groups, with a search over names and explanations.

    Signals:
        chosen (str, object): a key and a value of its type.
        reset_asked (str): the key to set back.
        searched (str): show only what matches.
    """

    chosen = Signal(str, object)
    reset_asked = Signal(str)
    searched = Signal(str)

    def __init__(self, typed: Typed, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._typed = typed
        self._shown: SettingsView | None = None
        self._order: tuple[tuple[str, tuple[str, ...]], ...] = ()
        self.fields: dict[str, SettingField] = {}
        self._titles: dict[str, Text] = {}
        self.search = SearchField(
            "Search settings", tip="Searches names and what is said about them."
        )
        self.search.searched.connect(self.searched)
        self.changed_text = Text("", "muted")
        self.empty = Text("", "muted")
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(14)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 1)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(16)
        lines.addLayout(row(grow(self.search), self.changed_text, spacing=16))
        lines.addWidget(self.empty)
        lines.addLayout(self._grid)

    def render_view(self, view: SettingsView) -> None:
        """Show `view`; controls are made once and then moved and filled."""
        if view == self._shown:
            return
        self._shown = view
        self.changed_text.setText(view.changed_text)
        self.empty.setText(view.empty_text)
        self.empty.setVisible(bool(view.empty_text))
        for group in view.groups:
            for setting in group.rows:
                self._field(setting).show_row(setting)
        order = tuple((g.title, tuple(r.key for r in g.rows)) for g in view.groups)
        if order != self._order:
            self._order = order
            self._place()

    def build_one(self, view: SettingsView) -> bool:
        """Make one control of `view` that is not made yet; False where none is left.

        Called while there is nothing else to do: all at once would hold the window.
        """
        for group in view.groups:
            for setting in group.rows:
                if setting.key not in self.fields:
                    field = self._field(setting)
                    field.hide()
                    for part in (field, *field.findChildren(QWidget)):
                        part.ensurePolished()
                    return True
        return False

    def _field(self, setting: SettingRow) -> SettingField:
        if setting.key not in self.fields:
            made = SettingField(setting, self._typed)
            made.setParent(self)
            made.chosen.connect(self.chosen)
            made.reset_asked.connect(self.reset_asked)
            self.fields[setting.key] = made
        return self.fields[setting.key]

    def _title(self, words: str) -> Text:
        if words not in self._titles:
            self._titles[words] = Text(words, "heading")
        return self._titles[words]

    def _place(self) -> None:
        while self._grid.count():
            self._grid.takeAt(0)
        for widget in (*self.fields.values(), *self._titles.values()):
            widget.hide()
        line = 0
        for title, keys in self._order:
            heading = self._title(title)
            self._grid.addWidget(heading, line, 0, 1, 2)
            heading.show()
            line += 1
            for at, key in enumerate(keys):
                field = self.fields[key]
                self._grid.addWidget(
                    field, line + at // 2, at % 2, Qt.AlignmentFlag.AlignTop
                )
                field.show()
            line += (len(keys) + 1) // 2
            self._grid.setRowMinimumHeight(line, theme.px(8))
            line += 1
