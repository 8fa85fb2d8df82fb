"""The one style sheet, made from the tokens.

Widgets say what they are through the dynamic properties ``kind`` (buttons, frames)
and ``role`` (text); nothing else in the app sets a style sheet.
"""

from __future__ import annotations

from string import Template
from typing import Final

from app.theme.resources import RESOURCES
from app.theme.tokens import RADIUS_CARD, RADIUS_CONTROL, TEXT_SIZES, Tokens


def sheet(tokens: Tokens, *, scale: float = 1.0) -> str:
    """Return the application's style sheet for `tokens` at text scale `scale`."""
    values: dict[str, str] = {
        name: value
        for name in Tokens.__dataclass_fields__
        if isinstance(value := getattr(tokens, name), str)
    }
    for tone in ("good", "warn", "bad", "neutral"):
        paint = getattr(tokens, tone)
        values |= {f"{tone}_text": paint.text, f"{tone}_ground": paint.ground}
    for role, size in TEXT_SIZES.items():
        values[f"size_{role}"] = f"{round(size * scale)}px"
    values |= {
        "radius": f"{RADIUS_CONTROL}px",
        "card_radius": f"{RADIUS_CARD}px",
        "images": _quotable((RESOURCES / "qss").as_posix()),
        "field_height": f"{round(20 * scale)}px",
        "box": f"{round(18 * scale)}px",
    }
    return Template(_TEXT + _BUTTONS + _FIELDS + _VIEWS + _FRAMES).substitute(values)


def _quotable(path: str) -> str:
    """Return `path` for between the quotes of ``url("")``.

    Without quotes one umlaut in a person's folder makes Qt refuse the whole sheet.
    """
    return path.replace("\\", "\\\\").replace('"', '\\"')


_TEXT: Final = """
QLabel { background: transparent; }
QLabel[role="title"] { font-size: $size_title; font-weight: 650; }
QLabel[role="heading"] { font-size: $size_heading; font-weight: 600; }
QLabel[role="strong"] { font-weight: 600; }
QLabel[role="muted"] { color: $muted; }
QLabel[role="caption"] { font-size: $size_caption; color: $muted; }
QLabel[role="error"] { color: $bad_text; }
QLabel[role="figure"] { font-size: $size_title; font-weight: 500; }
QLabel:disabled { color: $disabled; }
QToolTip { background: $tooltip; color: $on_tooltip; border: 0; padding: 7px 10px;
  font-size: $size_caption; }
"""

_BUTTONS: Final = """
QPushButton { border: 1px solid $control_line; border-radius: $radius; outline: 0;
  padding: 6px 14px; min-height: $field_height; background: $surface;
  color: $text; font-weight: 500; }
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $pressed; }
QPushButton:focus { border: 2px solid $focus; padding: 5px 13px; }
QPushButton:disabled { color: $disabled; border-color: $line; background: $surface; }
QPushButton[kind="primary"] { background: $accent; color: $on_accent;
  border-color: $accent; }
QPushButton[kind="primary"]:hover { background: $accent_hover;
  border-color: $accent_hover; }
QPushButton[kind="primary"]:pressed { background: $accent_pressed; }
QPushButton[kind="primary"]:focus { border-color: $text; }
QPushButton[kind="primary"]:disabled { background: $hover; color: $disabled;
  border-color: $hover; }
QPushButton[kind="danger"] { background: $danger; color: $on_danger;
  border-color: $danger; }
QPushButton[kind="danger"]:hover { background: $danger_hover; }
QPushButton[kind="danger"]:focus { border-color: $text; }
QPushButton[kind="danger"]:disabled { background: $hover; color: $disabled;
  border-color: $hover; }
QPushButton[kind="ghost"] { background: transparent; border-color: transparent;
  color: $accent_text; }
QPushButton[kind="ghost"]:hover { background: $hover; }
QPushButton[kind="ghost"]:pressed { background: $pressed; }
QPushButton[kind="ghost"]:focus { border-color: $focus; }
QPushButton[kind="ghost"]:disabled { color: $disabled; }
QPushButton[compact="true"] { padding: 1px 6px; min-height: 0; }
QPushButton[compact="true"]:focus { padding: 0 5px; }
QPushButton[kind="expander"] { background: transparent; border-color: transparent;
  padding: 4px 8px 4px 2px; color: $accent_text; text-align: left; }
QPushButton[kind="expander"]:hover { background: $hover; }
QPushButton[kind="expander"]:focus { border: 2px solid $focus;
  padding: 3px 7px 3px 1px; }
QPushButton::menu-indicator { image: none; width: 0; }
QToolButton { border: 1px solid transparent; border-radius: $radius; padding: 5px;
  background: transparent; color: $text; }
QToolButton:hover { background: $hover; }
QToolButton:pressed, QToolButton:checked { background: $pressed; }
QToolButton:focus { border: 2px solid $focus; padding: 4px; }
QToolButton::menu-indicator { image: none; width: 0; }
QToolButton[kind="rail"] { border-radius: 8px; padding: 7px 10px; color: $muted;
  font-weight: 500; text-align: left; }
QToolButton[kind="rail"]:checked { background: $accent_soft; color: $accent_text; }
QToolButton[kind="rail"]:hover:!checked { background: $hover; color: $text; }
QToolButton[kind="rail"]:focus { border: 2px solid $focus; padding: 6px 9px; }
QPushButton[kind="segment"] { border: 1px solid transparent; border-radius: 5px;
  padding: 4px 12px; background: transparent; color: $muted; }
QPushButton[kind="segment"]:hover { color: $text; }
QPushButton[kind="segment"]:checked { background: $surface; color: $text;
  border-color: $line; }
QPushButton[kind="segment"]:focus { border: 2px solid $focus; padding: 3px 11px; }
QPushButton[kind="segment"]:disabled { color: $disabled; }
QPushButton[kind="step"] { border: 1px solid transparent; text-align: left;
  background: transparent; padding: 6px 12px; color: $muted; }
QPushButton[kind="step"]:hover { background: $hover; }
QPushButton[kind="step"]:checked { color: $text; font-weight: 600; }
QPushButton[kind="step"]:focus { border: 2px solid $focus; padding: 5px 11px; }
"""

_FIELDS: Final = """
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox, QPlainTextEdit, QTextEdit,
QTextBrowser { background: $surface; color: $text; border: 1px solid $control_line;
  border-radius: $radius; padding: 5px 9px; selection-background-color: $accent;
  selection-color: $on_accent; }
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox { min-height: $field_height; }
QLineEdit:hover, QSpinBox:hover, QDoubleSpinBox:hover, QComboBox:hover {
  border-color: $muted; }
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus,
QPlainTextEdit:focus, QTextEdit:focus, QTextBrowser:focus {
  border: 2px solid $focus; padding: 4px 8px; }
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {
  color: $disabled; border-color: $line; background: $sunken; }
QLineEdit[problem="true"], QComboBox[problem="true"], QSpinBox[problem="true"],
QDoubleSpinBox[problem="true"] { border-color: $danger; }
QTextBrowser[kind="plain"], QPlainTextEdit[kind="plain"] { border: 0; padding: 0;
  background: transparent; }
QTextBrowser[kind="plain"]:focus, QPlainTextEdit[kind="plain"]:focus {
  border: 2px solid $focus; }
QPlainTextEdit[kind="log"] { background: $sunken; border: 1px solid $line; }
QSpinBox, QDoubleSpinBox { padding-right: 22px; }
QAbstractSpinBox QLineEdit, QAbstractSpinBox QLineEdit:focus { border: 0;
  padding: 0 0 0 8px; min-height: 0; background: transparent; }
QSpinBox::up-button, QDoubleSpinBox::up-button { subcontrol-origin: border;
  subcontrol-position: top right; width: 20px; border: 0; background: transparent;
  margin: 2px 2px 0 0; border-radius: 4px; }
QSpinBox::down-button, QDoubleSpinBox::down-button { subcontrol-origin: border;
  subcontrol-position: bottom right; width: 20px; border: 0;
  background: transparent; margin: 0 2px 2px 0; border-radius: 4px; }
QSpinBox::up-button:hover, QDoubleSpinBox::up-button:hover,
QSpinBox::down-button:hover, QDoubleSpinBox::down-button:hover {
  background: $hover; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { width: 10px; height: 10px;
  image: url("$images/$name-up.svg"); }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { width: 10px; height: 10px;
  image: url("$images/$name-down.svg"); }
QComboBox { padding-right: 24px; }
QComboBox::drop-down { border: 0; width: 24px; }
QComboBox::down-arrow { width: 12px; height: 12px;
  image: url("$images/$name-down.svg"); }
QComboBox QAbstractItemView { background: $surface; border: 1px solid $line;
  border-radius: 6px; padding: 4px; outline: 0;
  selection-background-color: $accent_soft; selection-color: $text; }
QComboBox QAbstractItemView::item { min-height: 28px; padding: 0 8px; }
QCheckBox, QRadioButton { spacing: 9px; background: transparent; padding: 2px;
  border: 2px solid transparent; border-radius: 6px; }
QCheckBox:focus, QRadioButton:focus { border-color: $focus; }
QCheckBox::indicator, QRadioButton::indicator { width: $box; height: $box;
  border: 1px solid $control_line; background: $surface; border-radius: 5px; }
QRadioButton::indicator { border-radius: 9px; }
QCheckBox::indicator:hover, QRadioButton::indicator:hover { border-color: $accent; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent;
  image: url("$images/check.svg"); }
QRadioButton::indicator:checked { background: $accent; border-color: $accent;
  image: url("$images/dot.svg"); }
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled {
  background: $sunken; border-color: $line; }
QSlider { min-height: 26px; background: transparent; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: $pressed; }
QSlider::sub-page:horizontal { height: 4px; border-radius: 2px; background: $accent; }
QSlider::sub-page:horizontal:disabled { background: $line; }
QSlider::handle:horizontal { width: 16px; height: 16px; margin: -7px 0;
  border-radius: 9px; background: $surface; border: 2px solid $accent; }
QSlider::handle:horizontal:hover { background: $accent_soft; }
QSlider::handle:horizontal:focus { background: $accent; border-color: $text; }
QSlider::handle:horizontal:disabled { border-color: $disabled; }
QProgressBar { border: 0; border-radius: 3px; background: $pressed; height: 6px;
  max-height: 6px; text-align: center; color: transparent; }
QProgressBar::chunk { border-radius: 3px; background: $accent; }
"""

_VIEWS: Final = """
QAbstractScrollArea { background: transparent; }
QScrollArea, QScrollArea > QWidget > QWidget { background: transparent; border: 0; }
QScrollBar:vertical { width: 12px; background: transparent; margin: 0; }
QScrollBar:horizontal { height: 12px; background: transparent; margin: 0; }
QScrollBar::handle { background: $pressed; border-radius: 4px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 32px; }
QScrollBar::handle:horizontal { min-width: 32px; }
QScrollBar::handle:hover { background: $control_line; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QTableView, QTreeView, QListView { background: transparent; border: 0; outline: 0;
  gridline-color: transparent; selection-background-color: $accent_soft;
  selection-color: $text; alternate-background-color: $sunken; }
QTableView::item, QTreeView::item, QListView::item { padding: 6px 10px; border: 0;
  border-bottom: 1px solid $line; }
QTableView::item { padding: 6px 7px; } /* Qt adds 3 px: words below their heading */
QListView::item { border-radius: 6px; border-bottom: 0; }
QTableView::item:hover, QListView::item:hover, QTreeView::item:hover {
  background: $hover; }
QTableView::item:selected, QListView::item:selected, QTreeView::item:selected {
  background: $accent_soft; color: $text; }
QTableView:focus, QListView:focus, QTreeView:focus { border: 2px solid $focus;
  border-radius: $radius; }
QListView[kind="cards"]:focus { border: 0; } /* the card in question has the ring */
QHeaderView { background: transparent; border: 0; }
QHeaderView::section { background: transparent; color: $muted; border: 0;
  border-bottom: 1px solid $line; padding: 8px 10px; font-size: $size_caption;
  font-weight: 500; }
QHeaderView::section:hover { color: $text; }
QTableCornerButton::section { background: transparent; border: 0; }
QMenu { background: $surface; border: 1px solid $line; padding: 6px; }
QMenu::item { padding: 7px 28px 7px 12px; border-radius: 5px; }
QMenu::item:selected { background: $hover; }
QMenu::item:disabled { color: $disabled; }
QMenu::separator { height: 1px; background: $line; margin: 6px 8px; }
QSplitter::handle { background: transparent; }
QSplitter::handle:hover { background: $line; }
QTabWidget::pane { border: 0; border-top: 1px solid $line; }
QTabBar { background: transparent; }
QTabBar::tab { background: transparent; color: $muted; padding: 9px 4px;
  margin-right: 20px; border: 0; border-bottom: 2px solid transparent;
  font-weight: 500; }
QTabBar::tab:hover { color: $text; }
QTabBar::tab:selected { color: $text; border-bottom-color: $accent; }
QTabBar::tab:focus { border-bottom-color: $focus; background: $hover; }
"""

_FRAMES: Final = """
QFrame[kind="card"] { background: $surface; border: 1px solid $line;
  border-radius: $card_radius; }
QFrame[kind="sunken"], QFrame[kind="segmented"] { background: $sunken;
  border: 1px solid $line; border-radius: 8px; }
QFrame[kind="choice"] { background: $surface; border: 1px solid $line;
  border-radius: $card_radius; }
QFrame[kind="choice"]:hover { border-color: $control_line; }
QFrame[kind="choice"][chosen="true"] { border: 2px solid $accent;
  background: $surface; }
QFrame[kind="choice"]:focus { border: 2px solid $focus; }
QFrame[kind="line"] { background: $line; border: 0; max-height: 1px;
  min-height: 1px; }
QFrame[kind="rail"] { background: $rail; border: 0; border-right: 1px solid $line; }
QFrame[kind="status"] { background: $rail; border: 0; border-top: 1px solid $line; }
QFrame[kind="notice"][tone="neutral"] { background: $neutral_ground;
  border-radius: 8px; border: 0; }
QFrame[kind="notice"][tone="accent"] { background: $accent_soft; border-radius: 8px;
  border: 0; }
QFrame[kind="notice"][tone="good"] { background: $good_ground; border-radius: 8px;
  border: 0; }
QFrame[kind="notice"][tone="warn"] { background: $warn_ground; border-radius: 8px;
  border: 0; }
QFrame[kind="notice"][tone="bad"] { background: $bad_ground; border-radius: 8px;
  border: 0; }
QFrame[kind="drop"] { background: $sunken; border: 1px dashed $control_line;
  border-radius: $card_radius; }
QFrame[kind="drop"][over="true"] { background: $accent_soft;
  border: 2px dashed $accent; }
QFrame[kind="drop"]:focus { border: 2px solid $focus; }
QFrame[kind="toast"] { background: $tooltip; border-radius: 9px; border: 0; }
QFrame[kind="toast"] QLabel { color: $on_tooltip; }
QFrame[kind="toast"] QPushButton { color: $on_tooltip; background: transparent;
  border: 1px solid $on_tooltip; }
QFrame[kind="toast"] QPushButton:hover { background: $muted; }
QFrame[kind="floating"] { background: $surface; border: 1px solid $control_line;
  border-radius: 12px; }
QDialog { background: $window; }
"""
