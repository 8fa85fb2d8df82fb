"""Fields: search, a segmented choice, and a slider beside its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import (
    QEvent,
    QLocale,
    QObject,
    QSignalBlocker,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QToolButton,
    QWidget,
)

from app import theme
from app.widgets.buttons import IconButton
from app.widgets.layout import STRETCH, column, row
from app.widgets.text import Text, plain_tip

_TYPING_PAUSE_MS: Final = 150
_ARROWS: Final = {
    Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1
}  # fmt: skip
# A style sheet's padding does not reach the field inside a spin box.
_TEXT_MARGINS: Final = (7, 0, 0, 0)


class SearchField(QLineEdit):
    """A line with a lens and a cross; says `searched` when the typing pauses.

    Signals:
        searched (str): the text, stripped, 150 ms after the last key.
    """

    searched = Signal(str)

    def __init__(
        self, placeholder: str, *, tip: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(placeholder)
        self.setToolTip(plain_tip(tip or placeholder))
        self.setClearButtonEnabled(True)
        self.setMinimumWidth(theme.px(100))
        self._lens = self.addAction(
            theme.icon("search", theme.current().muted),
            QLineEdit.ActionPosition.LeadingPosition,
        )
        self._lens.setText("Search")
        for inner in self.findChildren(QToolButton):  # lens and cross, Qt's own
            inner.setAccessibleName(inner.text() or "Empty the field")
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_TYPING_PAUSE_MS)
        self._pause.timeout.connect(self._on_paused)
        self.textChanged.connect(self._on_typed)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape empties the field before it does anything else."""
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            return
        super().keyPressEvent(event)

    def _on_typed(self, _text: str) -> None:
        self._pause.start()

    def _on_paused(self) -> None:
        self.searched.emit(self.text().strip())


class Choice(QComboBox):
    """A drop-down of (key, words) pairs that the mouse wheel does not change.

    Signals:
        picked (str): the key the person chose; not sent by `set_key`.
    """

    picked = Signal(str)

    def __init__(
        self,
        options: Sequence[tuple[str, str]] = (),
        *,
        name: str,
        tip: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.view().setAccessibleName(f"{name}: choices")
        self.setToolTip(plain_tip(tip or name))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.set_options(options)
        self.activated.connect(self._on_activated)

    def set_options(self, options: Sequence[tuple[str, str]]) -> None:
        """Offer other (key, words) pairs, keeping the choice where it still exists."""
        kept = self.key
        with QSignalBlocker(self):
            self.clear()
            for key, words in options:
                self.addItem(words, key)
        self.set_key(kept)

    @property
    def key(self) -> str:
        """The key chosen, or "" with nothing to choose from."""
        return str(self.currentData() or "")

    def set_key(self, key: str) -> None:
        """Show `key` as chosen, without saying `picked`."""
        at = self.findData(key)
        if at >= 0:
            with QSignalBlocker(self):
                self.setCurrentIndex(at)

    def minimumSizeHint(self) -> QSize:
        """Return room for a word: a long option is elided where space is short."""
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), theme.px(80)), hint.height())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page: scrolling must not change settings."""
        event.ignore()

    def _on_activated(self, _index: int) -> None:
        self.picked.emit(self.key)


def keep_narrow(choice: QComboBox, *, letters: int) -> None:
    """Let `choice` be as narrow as so many letters, however long its options are."""
    policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    choice.setSizeAdjustPolicy(policy)
    choice.setMinimumContentsLength(letters)


class Segmented(QFrame):
    """Two to five choices side by side: ``Segmented((("lora", "LoRA"), …))``.

    Signals:
        picked (str): the key the person chose; not sent by `set_key`.
    """

    picked = Signal(str)

    def __init__(
        self,
        options: Sequence[tuple[str, str]],
        *,
        name: str,
        tips: Sequence[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("kind", "segmented")
        self.setAccessibleName(name)
        line = QHBoxLayout(self)
        line.setContentsMargins(3, 3, 3, 3)
        line.setSpacing(2)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._buttons: dict[str, QPushButton] = {}
        for at, (key, words) in enumerate(options):
            button = QPushButton(words)
            button.setProperty("kind", "segment")
            button.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setAccessibleName(f"{name}: {words}")
            button.setToolTip(plain_tip(tips[at] if at < len(tips) else words))
            button.installEventFilter(self)
            self._group.addButton(button, at)
            self._buttons[key] = button
            line.addWidget(button)
        self._keys = tuple(key for key, _ in options)
        self._group.button(0).setChecked(True)
        self._group.idClicked.connect(self._on_clicked)

    @property
    def key(self) -> str:
        """The key chosen."""
        return self._keys[self._group.checkedId()]

    def set_key(self, key: str) -> None:
        """Show `key` as chosen, without saying `picked`."""
        self._buttons[key].setChecked(True)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrows choose: Tab reaches only the chosen one, as in any group."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            step = _ARROWS.get(Qt.Key(event.key()), 0)
            if step and isinstance(watched, QPushButton):
                self._choose_beside(watched, step)
                return True
        return super().eventFilter(watched, event)

    def _choose_beside(self, button: QPushButton, step: int) -> None:
        usable = [one for one in self._buttons.values() if one.isEnabled()]
        if button in usable:
            other = usable[(usable.index(button) + step) % len(usable)]
            other.setFocus(Qt.FocusReason.TabFocusReason)
            other.click()

    def _on_clicked(self, at: int) -> None:
        self.picked.emit(self._keys[at])


class _Slider(QSlider):
    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page: scrolling must not change settings."""
        event.ignore()


class LabeledSlider(QWidget):
    """A name, a slider over `stops`, and the exact number beside it with its unit.

    The slider walks the `stops` (1, 2, 4, 8…: what makes sense); the number field
    takes anything between the first and the last. A value that is not the default
    wears a dot; clicking it goes back.

    Signals:
        edited (float): the person chose another value; not sent by `set_value`.
    """

    edited = Signal(float)

    def __init__(
        self,
        name: str,
        *,
        stops: Sequence[float],
        default: float,
        unit: str = "",
        tip: str = "",
        decimals: int = 0,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._stops = tuple(stops)
        self._default = default
        self._label = Text(name)
        self.reset = IconButton("reset", name=f"Reset {name} to default", size=14)
        self.reset.clicked.connect(self._on_reset)
        self.slider = _Slider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, len(self._stops) - 1)
        self.slider.setPageStep(1)
        self.slider.setAccessibleName(name)
        self.spin = _number_field(decimals)
        self.spin.setRange(self._stops[0], self._stops[-1])
        self.spin.setGroupSeparatorShown(True)
        self._unit = unit
        self.spin.setAccessibleName(f"{name}, exact value")
        theme.keep_size(self.spin, width=140)
        self.spin.setKeyboardTracking(False)
        for widget in (self._label, self.slider, self.spin):
            widget.setToolTip(plain_tip(tip or name))
        self.slider.valueChanged.connect(self._on_slid)
        self.spin.valueChanged.connect(self._on_typed)
        keep = self.reset.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(keep)
        head = row(self._label, self.reset, STRETCH, self.spin, spacing=4)
        self.setLayout(column(head, self.slider, spacing=2))
        self.set_value(default)

    @property
    def value(self) -> float:
        """The value shown."""
        return float(self.spin.value())

    def set_value(self, value: float) -> None:
        """Show `value` without saying `edited`."""
        with QSignalBlocker(self.slider), QSignalBlocker(self.spin):
            self.spin.setValue(value)
            self.slider.setValue(self._nearest(value))
        self._mark()

    def set_stops(self, stops: Sequence[float]) -> None:
        """Walk other `stops`: a model that reads no further, say."""
        if tuple(stops) == self._stops:
            return
        self._stops = tuple(stops)
        value = self.value
        with QSignalBlocker(self.slider), QSignalBlocker(self.spin):
            self.slider.setRange(0, len(self._stops) - 1)
            self.spin.setRange(self._stops[0], self._stops[-1])
        self.set_value(min(max(value, self._stops[0]), self._stops[-1]))

    def _nearest(self, value: float) -> int:
        steps = range(len(self._stops))
        return min(steps, key=lambda at: abs(self._stops[at] - value))

    def _mark(self) -> None:
        changed = abs(self.value - self._default) > 1e-12
        self.reset.setVisible(changed)
        self._label.set_role("strong" if changed else "body")
        unit = _of_one(self._unit) if self.value == 1 else self._unit
        self.spin.setSuffix(f" {unit}" if unit else "")

    def _on_slid(self, at: int) -> None:
        with QSignalBlocker(self.spin):
            self.spin.setValue(self._stops[at])
        self._mark()
        self.edited.emit(self.value)

    def _on_typed(self, value: float) -> None:
        with QSignalBlocker(self.slider):
            self.slider.setValue(self._nearest(value))
        self._mark()
        self.edited.emit(value)

    def _on_reset(self) -> None:
        self.set_value(self._default)
        self.edited.emit(self._default)


class NumberField(QSpinBox):
    """A whole number with C digits, whatever the desktop's language."""

    def __init__(
        self,
        *,
        name: str,
        tip: str = "",
        least: int = 0,
        most: int = 1_000_000,
        unit: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setLocale(QLocale.c())
        self.lineEdit().setTextMargins(*_TEXT_MARGINS)
        self.setRange(least, most)
        self.setSuffix(f" {unit}" if unit else "")
        self.setAccessibleName(name)
        self.setToolTip(plain_tip(tip or name))
        self.setKeyboardTracking(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page: scrolling must not change settings."""
        event.ignore()


class _Number(QDoubleSpinBox):
    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page: scrolling must not change settings."""
        event.ignore()


def _of_one(unit: str) -> str:
    """Return the name of one such unit: ``pass`` for passes, ``token`` for tokens."""
    return unit.removesuffix("es") if unit.endswith("sses") else unit.removesuffix("s")


def _number_field(decimals: int) -> QDoubleSpinBox:
    field = _Number()
    # C digits: QDoubleSpinBox would write and read "0,0002" on a German desktop.
    field.setLocale(QLocale.c())
    field.lineEdit().setTextMargins(*_TEXT_MARGINS)
    field.setDecimals(decimals)
    field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return field
