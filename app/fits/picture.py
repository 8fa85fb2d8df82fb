"""The answer as a picture: bars and map on one sheet, without the page's controls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.fits.cards import heat_grid
from app.fits.present import FitsView
from app.setup.bars import memory_row
from app.widgets.heat_map import HeatMap
from app.widgets.memory_bar import MemoryBar
from app.widgets.picture import save_png
from app.widgets.text import Text

_WIDTH: Final = 900


def save_answer(view: FitsView, path: Path, lines: Sequence[str]) -> None:
    """Write bars and map of `view` to `path` as a PNG, below `lines`.

    Raises:
        OSError: The file cannot be written; says why.
    """
    sheet = _sheet(view)
    try:
        save_png(sheet, path, lines)
    finally:
        sheet.deleteLater()


def _sheet(view: FitsView) -> QWidget:
    sheet = QWidget()
    column = QVBoxLayout(sheet)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(16)
    bar = MemoryBar()
    bar.show_rows(
        [memory_row(one) for one in view.answer.bars],
        free_bytes=view.answer.free_bytes,
        free_label=view.answer.free_label,
    )
    column.addWidget(bar)
    column.addWidget(Text(view.answer.reason, wrap=True))
    if view.heat is not None:
        heat = HeatMap(name="Memory by batch and length")
        heat.show_grid(heat_grid(view.heat))
        for part in (
            Text(f"{view.heat.title}, GiB", "heading"),
            heat,
            Text(view.heat.frontier, "muted", wrap=True),
        ):
            column.addWidget(part)
    sheet.resize(_WIDTH, column.heightForWidth(_WIDTH))
    column.activate()
    return sheet
