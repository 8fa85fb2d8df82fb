"""A widget saved as a picture, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from app.widgets.memory_bar import GIB, MemoryBar, MemoryPart, MemoryRow
from app.widgets.picture import save_png


@pytest.fixture
def bar(qtbot: QtBot) -> MemoryBar:
    made = MemoryBar()
    qtbot.addWidget(made)
    part = MemoryPart(name="Weights", size_bytes=3 * GIB)
    made.show_rows(
        [MemoryRow(label="LoRA", parts=(part,), low_bytes=2, high_bytes=4 * GIB)],
        free_bytes=8 * GIB,
    )
    made.resize(600, made.heightForWidth(600))
    return made


def colours(image: QImage, *, top: int, bottom: int) -> set[int]:
    return {
        image.pixel(x, y)
        for x in range(0, image.width(), 3)
        for y in range(top, bottom)
    }


def test_a_picture_has_its_words_and_the_widget(bar: MemoryBar, tmp_path: Path) -> None:
    """Twice the widget's size and more: words at the top, the bar's blue below them."""
    file = tmp_path / "fit.png"
    save_png(bar, file, ["Small on a card", "1,024 tokens"])
    image = QImage(str(file))
    widget_top = image.height() - 2 * (bar.height() + 24)

    assert 2 * (600 + 48) == image.width()
    assert len(colours(image, top=0, bottom=widget_top)) > 1
    assert 0xFF0072B2 in colours(image, top=widget_top, bottom=image.height())


def test_a_long_line_wraps_and_none_is_none(bar: MemoryBar, tmp_path: Path) -> None:
    """More words make a taller picture, never a wider one."""
    save_png(bar, tmp_path / "short.png", ["A"])
    save_png(bar, tmp_path / "long.png", ["A", "word " * 60])
    short, long = (QImage(str(tmp_path / name)) for name in ("short.png", "long.png"))

    assert short.width() == long.width()
    assert short.height() < long.height()


def test_a_picture_that_cannot_be_written_says_why(
    bar: MemoryBar, tmp_path: Path
) -> None:
    """The reason is the system's; what stood there before stays."""
    taken = tmp_path / "taken.png"
    taken.mkdir()

    with pytest.raises(OSError, match=r"taken\.png could not be written: ."):
        save_png(bar, taken, ["A"])
    with pytest.raises(OSError, match=r"fit\.png could not be written: ."):
        save_png(bar, tmp_path / "gone" / "fit.png", ["A"])
    assert taken.is_dir()
