"""The page: what it paints, and that every control is an intent."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAccessible, QDropEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QFileDialog,
    QLineEdit,
    QSlider,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.setup.page import SetupPage
from app.setup.state import STEPS
from app.widgets.fields import Choice, NumberField
from core.plan.plan import Plan
from tests.app.setup.conftest import Maker


def shown(qtbot: QtBot, make_model: Maker) -> SetupPage:
    """Return the page in view, its models listed and priced."""
    page = SetupPage(make_model())
    qtbot.addWidget(page)
    page.resize(1024, 760)
    page.show()
    qtbot.waitUntil(
        lambda: (
            bool(page.model_step.list.cards)
            and all(card.badges for card in page.model_step.list.cards)
        )
    )
    return page


def chosen(qtbot: QtBot, make_model: Maker) -> SetupPage:
    """Return the page with a model chosen and priced."""
    page = shown(qtbot, make_model)
    page.model.choose_model("org/small")
    qtbot.waitUntil(lambda: bool(page.model.view.fit.bars))
    return page


def click(qtbot: QtBot, widget: QWidget) -> None:
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def test_a_click_on_a_model_chooses_it(qtbot: QtBot, make_model: Maker) -> None:
    """The list's row is the choice."""
    page = shown(qtbot, make_model)
    models = page.model_step.list
    place = models.visualRect(models.model().index(0, 0)).center()
    qtbot.mouseClick(
        models.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
        QPoint(place.x(), place.y()),
    )  # fmt: skip

    assert "org/small" == page.model.plan.model.id
    assert models.cards[0].is_chosen


def test_a_model_is_chosen_by_keys_alone(qtbot: QtBot, make_model: Maker) -> None:
    """Arrows walk, Space chooses."""
    page = shown(qtbot, make_model)
    models = page.model_step.list
    models.setFocus()
    models.setCurrentIndex(models.model().index(0, 0))
    qtbot.keyClick(models, Qt.Key.Key_Down)
    qtbot.keyClick(models, Qt.Key.Key_Space)

    assert "org/other" == page.model.plan.model.id


def test_the_steps_are_walked_in_any_order(qtbot: QtBot, make_model: Maker) -> None:
    """The stepper, Continue and Back, and the keys lead to the same steps."""
    page = shown(qtbot, make_model)
    page.stepper.requested.emit(3)
    assert "fit" == page.model.state.step
    click(qtbot, page.walk.back)
    assert "method" == page.model.state.step
    click(qtbot, page.walk.forth)
    assert "fit" == page.model.state.step
    click(qtbot, page.walk.forth)

    assert "start" == page.model.state.step
    assert page.walk.forth.isHidden()


def test_large_text_folds_the_summary_into_a_line(
    qtbot: QtBot, make_model: Maker
) -> None:
    """Where there is no room beside the steps, the choices stand in one line."""
    page = chosen(qtbot, make_model)
    page.resize(700, 700)

    assert page.summary.isHidden()
    assert page.foot.isVisible()
    assert page.narrow_line.text().startswith("small · ")
    click(qtbot, page.narrow_walk.forth)
    assert "data" == page.model.state.step
    page.resize(1000, 700)
    assert page.summary.isVisible()
    page.resize(1000, 560)
    assert page.foot.isVisible()
    page.resize(1000, 700)
    assert page.foot.isHidden()
    assert page.foot.isHidden()


def test_a_step_is_made_when_it_is_wanted(qtbot: QtBot, make_model: Maker) -> None:
    """A page that was never shown holds one step; the rest comes while idle."""
    page = SetupPage(make_model())
    qtbot.addWidget(page)
    assert {"model"} == set(page._made)

    page.show()
    qtbot.waitUntil(lambda: set(STEPS) == set(page._made))
    assert "model" == page.model.state.step


def test_the_plan_is_saved_where_it_was_asked(
    qtbot: QtBot, make_model: Maker, tmp_path: Path
) -> None:
    """Ctrl+S asks for a place; a name without an ending gets one."""
    page = shown(qtbot, make_model)
    page.ask_save()
    dialog = page.findChild(QFileDialog)
    assert dialog is not None
    assert ["plan.toml"] == [Path(name).name for name in dialog.selectedFiles()]
    dialog.selectFile(str(tmp_path / "mine"))
    dialog.accept()

    qtbot.waitUntil((tmp_path / "mine.toml").is_file)


def test_a_method_card_chooses_the_method(qtbot: QtBot, make_model: Maker) -> None:
    """Click or Enter on QLoRA trains by QLoRA; the card shows it."""
    page = chosen(qtbot, make_model)
    page.model.go_to("method")
    card = page.method_step.methods["qlora"]
    qtbot.keyClick(card, Qt.Key.Key_Return)

    assert "qlora" == page.model.plan.method.kind
    assert card.is_chosen
    assert not page.method_step.methods["lora"].is_chosen


def test_a_slider_redraws_the_memory(qtbot: QtBot, make_model: Maker) -> None:
    """Moving the length moves the plan and the bar, and does not fight the hand."""
    page = chosen(qtbot, make_model)
    page.model.go_to("fit")
    slider = page.fit_step.sliders["train.seq_len"]
    before = page.model.view.fit.bars[0].high_bytes
    slider.slider.setValue(slider.slider.maximum())

    assert 8192 == page.model.plan.train.seq_len
    assert 8192 == slider.value
    assert page.model.view.fit.bars[0].high_bytes > before


def test_the_form_writes_the_plan(qtbot: QtBot, make_model: Maker) -> None:
    """Each kind of control sets its key; the reset button sets it back."""
    page = chosen(qtbot, make_model)
    page.model.go_to("method")
    page.method_step.open_settings()
    form = page.method_step.form
    assert form is not None
    rank = form.fields["method.rank"].control
    assert isinstance(rank, NumberField)
    rank.setValue(64)
    scheduler = form.fields["train.scheduler"].control
    assert isinstance(scheduler, Choice)
    scheduler.picked.emit("linear")
    rate = form.fields["train.learning_rate"].control
    assert isinstance(rate, QLineEdit)
    rate.setText("1e-4")
    rate.editingFinished.emit()

    patience = form.fields["train.early_stopping"].control
    assert isinstance(patience, NumberField)
    assert "never" == patience.text()
    patience.setValue(3)

    assert "3" == patience.text()
    assert 3 == page.model.plan.train.early_stopping
    assert 64 == page.model.plan.method.rank
    assert "linear" == page.model.plan.train.scheduler
    assert 1e-4 == page.model.plan.train.learning_rate
    form.fields["method.rank"].back.click()
    assert 16 == page.model.plan.method.rank
    assert 16 == rank.value()


def test_a_wrong_number_is_said_beside_its_field(
    qtbot: QtBot, make_model: Maker
) -> None:
    """What was typed stays to be mended; the plan keeps its value."""
    page = chosen(qtbot, make_model)
    page.model.go_to("method")
    page.method_step.open_settings()
    form = page.method_step.form
    assert form is not None
    field = form.fields["train.learning_rate"]
    assert isinstance(field.control, QLineEdit)
    field.control.setText("fast")
    field.control.editingFinished.emit()

    assert "must be a number" in field.wrong.text()
    assert not field.wrong.isHidden()
    assert 2e-4 == page.model.plan.train.learning_rate


def test_the_settings_search_hides_the_rest(qtbot: QtBot, make_model: Maker) -> None:
    """Only what matches is laid out; clearing brings all back."""
    page = chosen(qtbot, make_model)
    page.model.go_to("method")
    page.method_step.open_settings()
    form = page.method_step.form
    assert form is not None
    page.model.search_settings("warm-up")

    assert form.fields["train.warmup_ratio"].isVisible()
    assert not form.fields["method.rank"].isVisible()
    page.model.search_settings("")
    assert form.fields["method.rank"].isVisible()


def test_dropped_files_become_the_data(
    qtbot: QtBot, make_model: Maker, tmp_path: Path
) -> None:
    """Files dropped anywhere on the data step are learnt from."""
    file = tmp_path / "a [1].jsonl"
    file.touch()
    page = shown(qtbot, make_model)
    page.model.go_to("data")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    event = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    page.data_step.dropEvent(event)

    assert (str(file),) == page.model.plan.data.files
    assert page.data_step.drop.isHidden()
    assert not page.data_step.files.isHidden()


def test_the_start_button_says_what_is_missing(qtbot: QtBot, make_model: Maker) -> None:
    """Disabled, with the reason beside it; a problem leads to its step."""
    page = chosen(qtbot, make_model)
    page.model.go_to("start")

    assert not page.start_step.start.isEnabled()
    assert "Choose the data to learn from." == page.start_step.missing.text()
    page.show_field("data", "data.files")
    assert "data" == page.model.state.step


def test_a_problem_leads_to_its_setting(qtbot: QtBot, make_model: Maker) -> None:
    """A wrong value deep in the form is shown, unfolded."""
    page = chosen(qtbot, make_model)
    page.model.set_value("train.learning_rate", 5.0)
    page.model.go_to("start")
    page.show_field("method", "train.learning_rate")

    form = page.method_step.form
    assert form is not None
    assert form.fields["train.learning_rate"].isVisible()
    assert "Use 1 or less." == form.fields["train.learning_rate"].wrong.text()


def test_the_page_opens_with_a_plan_or_a_model(qtbot: QtBot, make_model: Maker) -> None:
    """Other pages hand over a plan or a model's id; undo brings the draft back."""
    page = shown(qtbot, make_model)
    page.open_with("org/small")
    assert ("org/small", "model") == (page.model.plan.model.id, page.model.state.step)
    page.open_with(Plan(name="from a run"))

    assert "from a run" == page.model.plan.name
    assert "start" == page.model.state.step
    page.model.undo()
    assert "org/small" == page.model.plan.model.id


def test_painting_is_no_edit(qtbot: QtBot, make_model: Maker) -> None:
    """Showing every step, forth and back, changes nothing in the draft."""
    page = chosen(qtbot, make_model)
    page.method_step.open_settings()
    plan = page.model.plan
    for step in (*STEPS, *reversed(STEPS)):
        page.model.go_to(step)

    assert plan == page.model.plan


def test_no_part_is_a_window_of_its_own(qtbot: QtBot, make_model: Maker) -> None:
    """A part shown before it is laid out would flash up as a window."""
    page = chosen(qtbot, make_model)
    page.method_step.open_settings()
    page.model.use_starter_data()
    for step in STEPS:
        page.model.go_to(step)

    windows = [w for w in QApplication.topLevelWidgets() if w.isVisible()]
    assert [page] == windows


CONTROLS = (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QSlider)


def test_every_control_has_a_name_and_a_tooltip(
    qtbot: QtBot, make_model: Maker
) -> None:
    """A screen reader finds a name on each control, the mouse an explanation."""
    page = chosen(qtbot, make_model)
    page.model.use_starter_data()
    for step in STEPS:
        page.model.go_to(step)
    page.model.go_to("method")
    page.method_step.open_settings()
    nameless: list[str] = []
    for widget in page.findChildren(QWidget):
        inner = widget.objectName().startswith("qt_")
        if not isinstance(widget, CONTROLS) or inner or widget.isHidden():
            continue
        if isinstance(widget.parentWidget(), (QAbstractSpinBox, QLineEdit)):
            continue  # Qt's own pieces of a field
        seen = QAccessible.queryAccessibleInterface(widget)
        name = seen.text(QAccessible.Text.Name)
        if not name or not widget.toolTip():
            nameless.append(f"{type(widget).__name__} {name!r} {widget.toolTip()!r}")

    assert [] == nameless


def test_the_keyboard_finds_the_list_of_models(qtbot: QtBot, make_model: Maker) -> None:
    """The list begins at a model, so that a ring shows where the keys act."""
    page = shown(qtbot, make_model)
    models = page.model_step.list
    page.activateWindow()
    models.setFocus()
    qtbot.waitUntil(models.hasFocus)

    assert 0 == models.currentIndex().row()
