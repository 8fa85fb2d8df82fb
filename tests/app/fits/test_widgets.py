"""The map, the grid, the picker and the figures: seen, heard and worked by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QFocusEvent, QHelpEvent
from PySide6.QtWidgets import QApplication, QLabel, QToolTip
from pytestqt.qtbot import QtBot

from app import theme
from app.qtwork.slices import Slices
from app.theme import Tone
from app.widgets.figure_table import Figure, FigureTable
from app.widgets.fit_grid import FitGrid
from app.widgets.grid_values import GridCell, GridRow, HeatCell
from app.widgets.heat_map import HeatMap
from app.widgets.heat_paint import HeatGrid, HeatPlaces, frontier
from app.widgets.picker import Picker
from core.errors import PlanError

TONES: tuple[Tone, ...] = ("good", "warn", "bad")


def cell(row: int, column: int) -> HeatCell:
    tone = TONES[min(2, row + column)]
    return HeatCell(
        text=f"{row}.{column}", tone=tone, said=f"row {row}, column {column}",
        fits=tone != "bad",
    )  # fmt: skip


GRID = HeatGrid(
    rows=("1", "2", "4"),
    columns=("128", "256", "512"),
    cells={(row, column): cell(row, column) for row in range(3) for column in range(3)},
    chosen=(0, 1),
)


@pytest.fixture
def heat(qtbot: QtBot) -> HeatMap:
    made = HeatMap(name="Memory by batch and length")
    qtbot.addWidget(made)
    made.show_grid(GRID)
    made.resize(480, 180)
    made.show()
    return made


# -- the map -------------------------------------------------------------------------


def test_a_click_picks_the_cell_under_it(qtbot: QtBot, heat: HeatMap) -> None:
    """The cell that was painted there, and nothing beside the map."""
    at = heat.box(2, 0).center().toPoint()
    with qtbot.waitSignal(heat.picked) as told:
        qtbot.mouseClick(heat, Qt.MouseButton.LeftButton, pos=at)

    assert [2, 0] == told.args
    with qtbot.assertNotEmitted(heat.picked):
        qtbot.mouseClick(heat, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))


def test_the_map_is_walked_by_arrows(qtbot: QtBot, heat: HeatMap) -> None:
    """From the settings of now, no further than the edge; each cell is said."""
    QApplication.sendEvent(heat, QFocusEvent(QEvent.Type.FocusIn))
    assert "row 0, column 1" == heat.accessibleDescription()
    qtbot.keyClick(heat, Qt.Key.Key_Up)
    qtbot.keyClick(heat, Qt.Key.Key_Down)
    qtbot.keyClick(heat, Qt.Key.Key_Right)
    qtbot.keyClick(heat, Qt.Key.Key_Right)
    assert "row 1, column 2" == heat.accessibleDescription()
    with qtbot.waitSignal(heat.picked) as told:
        qtbot.keyClick(heat, Qt.Key.Key_Return)

    assert [1, 2] == told.args


def test_a_smaller_map_forgets_a_cursor_outside(heat: HeatMap) -> None:
    """No key can pick a cell that is not there any more."""
    heat._cursor = (2, 2)
    heat.show_grid(HeatGrid(rows=("1",), columns=("128",), cells={(0, 0): cell(0, 0)}))

    assert heat._cursor is None
    assert "" == heat.accessibleDescription()


def test_the_frontier_parts_what_fits(heat: HeatMap) -> None:
    """An edge for each pair of neighbours of which one fits, and no other."""
    lines = {
        (line.x1(), line.y1(), line.x2(), line.y2())
        for line in frontier(GRID, HeatPlaces.of(GRID, heat.size()))
    }
    pairs = sum(
        GRID.cells[row, column].fits != GRID.cells[below, right].fits
        for row in range(3)
        for column in range(3)
        for below, right in ((row + 1, column), (row, column + 1))
        if (below, right) in GRID.cells
    )

    assert pairs == len(lines) == 4


def test_each_verdict_looks_its_own_without_colour(heat: HeatMap) -> None:
    """Hatching tells tight from too large from fits where the hues are alike."""

    def spread(row: int, column: int) -> int:
        """Return how many greys the cell's ground has, away from mark and words."""
        image = heat.grab().toImage()
        box = heat.box(row, column).adjusted(4, 4, -4, -heat.box(0, 0).height() * 0.72)
        ratio = image.devicePixelRatio()
        xs = range(int(box.left() * ratio), int(box.right() * ratio))
        ys = range(int(box.top() * ratio), max(1, int(box.bottom() * ratio)))
        return len({image.pixelColor(x, y).lightness() for x in xs for y in ys})

    heat.show_grid(replace(GRID, chosen=None))
    fits, tight, large = spread(0, 0), spread(1, 0), spread(2, 2)
    assert 1 == fits
    assert tight > 1
    assert large > 1


def test_a_missing_cell_is_awaited(heat: HeatMap) -> None:
    """A map that is half computed paints, and says nothing of the rest."""
    half = {at: one for at, one in GRID.cells.items() if at[0] == 0}
    heat.show_grid(replace(GRID, cells=half))
    before = heat.grab().toImage()
    heat.show_grid(GRID)

    assert before != heat.grab().toImage()


def test_the_cell_under_the_mouse_is_told(
    heat: HeatMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tooltip holds the whole sentence; beside the map there is none."""
    told: list[str] = []
    monkeypatch.setattr(QToolTip, "showText", lambda _at, text, _on: told.append(text))
    for at in (heat.box(1, 1).center().toPoint(), QPoint(1, 1)):
        help_here = QHelpEvent(QEvent.Type.ToolTip, at, heat.mapToGlobal(at))
        QApplication.sendEvent(heat, help_here)

    assert "row 1, column 1" in told[0]
    assert "" == told[1]


def test_the_theme_repaints_the_map(qtbot: QtBot, heat: HeatMap) -> None:
    """What is kept is painted anew in the other theme's colours."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    light = heat.grab().toImage()
    try:
        theme.apply(app, "dark")
        assert light != heat.grab().toImage()
    finally:
        theme.apply(app, "light")


# -- the grid ------------------------------------------------------------------------


def rows(count: int) -> tuple[GridRow, ...]:
    return tuple(
        GridRow(
            key=f"org/model-{at}",
            name=f"model-{at}",
            detail="4B",
            cells=(GridCell(text="8.0 GiB", tone="good", tip="LoRA: fits."),),
        )
        for at in range(count)
    )


@pytest.fixture
def grid(qtbot: QtBot) -> FitGrid:
    made = FitGrid(name="Models by method")
    qtbot.addWidget(made)
    made.resize(500, 400)
    made.show_rows(("Model", "LoRA"), rows(200))
    made.show()
    return made


def test_a_cell_chooses_model_and_column(qtbot: QtBot, grid: FitGrid) -> None:
    """By mouse and by Space."""
    index = grid.model().index(3, 1)
    with qtbot.waitSignal(grid.picked) as told:
        qtbot.mouseClick(
            grid.viewport(),
            Qt.MouseButton.LeftButton,
            pos=grid.visualRect(index).center(),
        )
    assert ["org/model-3", 1] == told.args

    grid.setCurrentIndex(grid.model().index(5, 0))
    with qtbot.waitSignal(grid.picked) as told:
        qtbot.keyClick(grid, Qt.Key.Key_Space)
    assert ["org/model-5", 0] == told.args


def test_only_rows_in_view_are_asked_for(qtbot: QtBot, grid: FitGrid) -> None:
    """Two hundred models cost what a dozen do, until they are scrolled to."""
    with qtbot.waitSignal(grid.seen) as told:
        grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum())

    first, last = told.args
    assert 199 == last
    assert 0 < last - first < 20


def test_readers_hear_the_verdict(grid: FitGrid) -> None:
    """A mark and a hue are words for who cannot see them."""
    index = grid.model().index(0, 1)
    said = grid.model().data(index, Qt.ItemDataRole.AccessibleTextRole)

    assert "model-0, LoRA: LoRA: fits." == said


def test_new_figures_keep_the_place(grid: FitGrid) -> None:
    """The same models with other figures do not scroll away under the eye."""
    grid.verticalScrollBar().setValue(300)
    changed = tuple(
        replace(row, cells=(GridCell(text="9.0 GiB"),)) for row in rows(200)
    )
    grid.show_rows(("Model", "LoRA"), changed)

    assert 300 == grid.verticalScrollBar().value()
    assert changed == grid.rows


def test_another_order_keeps_the_row_in_focus(grid: FitGrid) -> None:
    """Who walks by keyboard goes on from the same model, and nothing scrolls."""
    grid.setCurrentIndex(grid.model().index(5, 1))
    grid.verticalScrollBar().setValue(900)
    grid.show_rows(("Model", "LoRA"), tuple(reversed(rows(200))))

    assert (194, 1) == (grid.currentIndex().row(), grid.currentIndex().column())
    assert 900 == grid.verticalScrollBar().value()


def test_a_name_goes_before_figures_where_room_is_short(grid: FitGrid) -> None:
    """Four methods on a small window: marks stay, names can be told apart."""
    four = ("Model", "LoRA", "QLoRA", "8-bit", "Full")
    wide = tuple(
        replace(row, cells=(GridCell(text="14.5 GiB", tone="bad", tip="LoRA."),) * 4)
        for row in rows(3)
    )
    grid.resize(366, 400)
    grid.show_rows(four, wide)
    narrow = [grid.columnWidth(at) for at in range(5)]
    grid.resize(900, 400)

    assert narrow[0] >= theme.px(104)
    assert sum(narrow) <= 366
    assert all(grid.columnWidth(at) > narrow[at] for at in range(5))


# -- the picker ----------------------------------------------------------------------

OPTIONS = (("", "This machine"), ("a", "RTX 4070 · 12 GiB"), ("b", "RTX 4090 · 24 GiB"))


@pytest.fixture
def picker(qtbot: QtBot) -> Picker:
    made = Picker(name="Card", tip="A card")
    qtbot.addWidget(made)
    made.set_options(OPTIONS)
    made.show_choice("a")
    made.show()
    return made


def test_the_picker_finds_any_part_of_the_words(picker: Picker) -> None:
    """4090 is found although the option begins with RTX."""
    completer = picker.completer()
    completer.setCompletionPrefix("4090")

    assert 1 == completer.completionCount()
    assert "RTX 4090 · 24 GiB" == completer.currentCompletion()


def test_what_is_no_option_is_typed(qtbot: QtBot, picker: Picker) -> None:
    """Enter on other words says them; leaving the field brings the choice back."""
    field = picker.lineEdit()
    assert field is not None
    field.setText(" 16 GiB ")
    with qtbot.waitSignal(picker.typed) as told:
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert ["16 GiB"] == told.args

    field.setText("half a na")
    gone = QFocusEvent(QEvent.Type.FocusOut, Qt.FocusReason.TabFocusReason)
    QApplication.sendEvent(picker, gone)
    assert "RTX 4070 · 12 GiB" == field.text()


def test_an_option_is_picked(qtbot: QtBot, picker: Picker) -> None:
    """Its key is said; showing a choice from outside says nothing."""
    with qtbot.waitSignal(picker.picked) as told:
        picker.activated.emit(2)
    assert ["b"] == told.args
    with qtbot.assertNotEmitted(picker.picked):
        picker.show_choice("", "")
        picker.set_options((*OPTIONS, ("c", "H100")))
    field = picker.lineEdit()
    assert field is not None
    assert "This machine" == field.text()


# -- figures -------------------------------------------------------------------------


def test_figures_change_in_place(qtbot: QtBot) -> None:
    """A label whose words change stays the same label; rows come and go."""
    table = FigureTable(("Part", "Size", "Why"), name="Parts")
    qtbot.addWidget(table)
    row = (
        Figure(text="Weights", series=0, tip="2 B × 4"),
        Figure(text="8 GiB", is_number=True),
        Figure(text="fits", tone="good"),
    )
    table.show_rows([row, row])
    first = table._cells[0][1]
    table.show_rows([(row[0], replace(row[1], text="9 GiB"), row[2])])

    assert first is table._cells[0][1]
    assert isinstance(first, QLabel)
    assert "9 GiB" == first.text()
    assert 1 == len(table._cells)
    table.show_rows([(row[0], row[1], Figure(text="words now"))])
    assert isinstance(table._cells[0][2], QLabel)


def test_a_narrow_table_folds_its_last_column(qtbot: QtBot) -> None:
    """Words that would stand one below the other wait in the tooltip."""
    table = FigureTable(("Part", "Why"), name="Parts", folds_at=400)
    qtbot.addWidget(table)
    table.show_rows([(Figure(text="Weights", tip="why"), Figure(text="a long why"))])
    table.resize(500, 80)
    table.show()
    assert table._cells[0][1].isVisible()
    table.resize(200, 80)
    qtbot.waitUntil(lambda: not table._cells[0][1].isVisible())

    assert "why" in table._cells[0][0].toolTip()


# -- slices --------------------------------------------------------------------------


def test_slices_walk_one_after_another(qtbot: QtBot) -> None:
    """Every job to its end, in order, and then it is told."""
    slices, seen = Slices(), list[int]()

    def job(first: int) -> Iterator[None]:
        for number in range(first, first + 3):
            seen.append(number)
            yield

    with qtbot.waitSignal(slices.finished):
        slices.run(job(0), job(10))

    assert [0, 1, 2, 10, 11, 12] == seen
    assert not slices.is_busy


def test_newer_work_replaces_older(qtbot: QtBot) -> None:
    """A slider that moves on leaves what was asked before."""
    slices, seen = Slices(), list[str]()

    def job(name: str) -> Iterator[None]:
        seen.append(name)
        yield

    slices.run(job("old"))
    with qtbot.waitSignal(slices.finished):
        slices.run(job("new"))

    assert ["new"] == seen


def test_a_job_that_fails_is_told_and_the_next_goes_on(qtbot: QtBot) -> None:
    """One bad job takes neither the window nor the rest along."""
    slices, seen, told = Slices(), list[str](), list[object]()
    slices.failed.connect(told.append)

    def bad() -> Iterator[None]:
        yield
        raise PlanError("plan.odd", "This is odd.", hint="Change it.")

    def good() -> Iterator[None]:
        seen.append("good")
        yield

    with qtbot.waitSignal(slices.finished):
        slices.run(bad(), good())

    assert ["good"] == seen
    assert ["plan.odd"] == [getattr(err, "code", "") for err in told]
