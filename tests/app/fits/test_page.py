"""The page itself: every part on it, by mouse, by keyboard, wide and narrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.fits.page import FitsPage
from app.qtwork.navigator import Navigator
from core.plan.fields import with_value
from tests.app.fits.conftest import DRAFT, LARGE, MIDDLE, SMALL, Maker


@pytest.fixture
def navigator() -> Navigator:
    return Navigator()


@pytest.fixture
def page(qtbot: QtBot, make_model: Maker, navigator: Navigator) -> Iterator[FitsPage]:
    """The page in view, its answer complete."""
    made = FitsPage(make_model(navigator))
    qtbot.addWidget(made)
    made.resize(1200, 800)
    made.show()
    qtbot.waitUntil(lambda: bool(made.model.state.prices and made.model.state.cards))
    yield made
    made.shut_down()


def test_every_part_is_filled(page: FitsPage) -> None:
    """Bars, map, grid, parts, uses and cards all show the draft's question."""
    assert "Qwen3-4B" in page.answer.headline.text()
    assert "LoRA" in page.answer.bar.accessibleDescription()
    assert page.heat.map.grid.cells
    assert [MIDDLE, SMALL, LARGE] == [row.key for row in page.grid.table.rows]
    assert "Weights" == page.figures.parts.rows[0][0].text
    assert 4 == len(page.figures.uses.rows)
    assert page.cards.table.rows
    assert page.train.isEnabled()


def test_sliders_bars_and_map_move_together(qtbot: QtBot, page: FitsPage) -> None:
    """A slider changes what is drawn and said; a cell of the map moves the sliders."""
    before = page.answer.bar.accessibleDescription()
    page.question.sliders["train.batch_size"].slider.setValue(3)
    qtbot.waitUntil(lambda: page.answer.bar.accessibleDescription() != before)
    assert 8 == page.model.state.plan.train.batch_size

    grid = page.heat.map.grid
    row, column = grid.rows.index("4"), grid.columns.index("256")
    page.heat.map.picked.emit(row, column)
    sliders = page.question.sliders
    qtbot.waitUntil(lambda: sliders["train.batch_size"].value == 4)
    assert 256 == sliders["train.seq_len"].value
    qtbot.waitUntil(lambda: page.heat.map.grid.chosen == (row, column))


def test_tables_choose_model_method_and_card(qtbot: QtBot, page: FitsPage) -> None:
    """A click on a model asks about it by that method, one on a card about that card."""
    page.grid.table.picked.emit(SMALL, 2)
    qtbot.waitUntil(lambda: "SmolLM2" in page.answer.headline.text())
    assert "qlora" == page.question.method.key
    qtbot.waitUntil(
        lambda: [SMALL] == [r.key for r in page.grid.table.rows if r.is_chosen]
    )

    page.cards.table.picked.emit("GeForce RTX 4090", 0)
    qtbot.waitUntil(lambda: page.model.state.other is not None)
    assert "GeForce RTX 4090" in page.grid.headline.text()
    assert "24" in page.question.device_detail.text()


def test_the_answer_is_copied_and_saved(
    qtbot: QtBot, page: FitsPage, navigator: Navigator, tmp_path: Path
) -> None:
    """Text on the clipboard, a PNG at twice the size; a folder not there is told."""
    page.copy.click()
    text = QGuiApplication.clipboard().text()
    assert text.startswith("LoRA of Qwen3-4B")
    assert "GiB by batch and length" in text
    with qtbot.waitSignal(navigator.toasted) as told:
        page.save_to(tmp_path / "answer.png")
    image = QImage(str(tmp_path / "answer.png"))

    assert "Saved as answer.png" == told.args[0]
    assert image.width() > 1600
    assert image.height() > 600
    with qtbot.waitSignal(navigator.toasted) as told:
        page.save_to(tmp_path / "missing" / "answer.png")
    assert "could not be written" in told.args[0]


def test_the_question_stands_above_where_it_is_narrow(
    qtbot: QtBot, page: FitsPage
) -> None:
    """A narrow page scrolls question and answer together; a wide one keeps it beside."""
    page.resize(600, 700)
    qtbot.waitUntil(lambda: not page._side.isVisible())
    assert page.question.isVisible()
    assert page.body.widget().isAncestorOf(page.question)
    page.resize(1200, 800)
    qtbot.waitUntil(page._side.isVisible)

    assert page.question.isVisible()
    assert not page.body.widget().isAncestorOf(page.question)


def test_others_ask_the_page(qtbot: QtBot, page: FitsPage) -> None:
    """A plan or a model's id comes from another page."""
    page.open_with(with_value(DRAFT, "method.rank", 64))
    qtbot.waitUntil(lambda: page.question.sliders["method.rank"].value == 64)
    page.open_with(SMALL)
    qtbot.waitUntil(lambda: "SmolLM2" in page.answer.headline.text())
    page.open_with(None)
    QApplication.processEvents()

    assert "SmolLM2" in page.answer.headline.text()
