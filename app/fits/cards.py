"""The answer as cards: bars, the map of batch and length, the grid of models."""

from __future__ import annotations

from typing import Final, cast

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QCheckBox, QWidget

from app.fits.answer_view import AnswerView
from app.fits.grid_view import GridView
from app.fits.heat_view import HeatView
from app.fits.state import Shown
from app.fits.viewmodel import FitsViewModel
from app.setup.bars import memory_row
from app.setup.exact_row import ExactRow
from app.widgets.badge import Badge
from app.widgets.buttons import SecondaryButton
from app.widgets.card import Card
from app.widgets.fields import SearchField, Segmented
from app.widgets.fit_grid import FitGrid
from app.widgets.heat_map import HeatMap
from app.widgets.heat_paint import HeatGrid
from app.widgets.layout import STRETCH, boxed, grow, row
from app.widgets.memory_bar import MemoryBar
from app.widgets.notice import Notice
from app.widgets.text import Text, plain_tip

_LEAST_BAR_WIDTH: Final = 340


class AnswerCard(Card):
    """One bar a method against what is free, and what that comes to."""

    def __init__(self, model: FitsViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._model = model
        self._shown: AnswerView | None = None
        self.headline = Text("Memory", "heading", wrap=True)
        self.verdict = Badge()
        head = row(spacing=12)
        head.addWidget(self.headline, 1)
        head.addWidget(self.verdict, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(head)
        self.failure = Notice()
        self.empty = Text("", "muted", wrap=True)
        self.bar = MemoryBar()
        self.bar.setMinimumWidth(_LEAST_BAR_WIDTH)
        self.reason = Text("", wrap=True)
        self.compare = QCheckBox("Compare with 8-bit LoRA and full fine-tuning")
        self.compare.setToolTip(
            plain_tip("Draws two methods this version cannot train, for comparison.")
        )
        self.compare.toggled.connect(self._on_compared)
        self.learned = Text("", "muted", wrap=True)
        self.time = Text("", "muted", wrap=True)
        self.make_fit = SecondaryButton(
            "Make it fit",
            icon="target",
            tip="Change as little as makes it fit: first what costs nothing, then time,"
            " then quality. It can be undone.",
        )
        self.make_fit.clicked.connect(model.make_fit)
        self.offer = Text("", wrap=True, selectable=True)
        self.exact = ExactRow(model.run_dry, model.cancel_dry)
        why = boxed(row(grow(self.reason), self.make_fit, spacing=12))
        for part in (
            self.failure, self.empty, self.bar, why, self.offer, self.learned,
            self.time, self.exact, self.compare,
        ):  # fmt: skip
            self.add(part)

    def render_view(self, view: AnswerView) -> None:
        """Show `view`."""
        if view is self._shown:
            return
        self._shown = view
        if view.failure is None:
            self.failure.clear()
        else:
            self.failure.show_notice("bad", view.failure.message, view.failure.hint)
        self.headline.setText(view.headline or "Memory")
        self.verdict.setVisible(bool(view.verdict))
        self.verdict.show_text(view.verdict, view.tone)
        self.empty.setText(view.empty_text)
        self.empty.setVisible(bool(view.empty_text))
        self.bar.setVisible(bool(view.bars))
        self.bar.show_rows(
            [memory_row(bar) for bar in view.bars],
            free_bytes=view.free_bytes,
            free_label=view.free_label,
        )
        for label, text in (
            (self.reason, view.reason),
            (self.offer, view.offer_text),
            (self.learned, view.learned_text),
            (self.time, view.time_line),
        ):
            label.setText(text)
            label.setVisible(bool(text))
        self.make_fit.setVisible(view.can_make_fit)
        self.exact.setVisible(bool(view.bars))
        self.exact.render_view(view.exact)
        with QSignalBlocker(self.compare):
            self.compare.setChecked(view.compares_all)

    def _on_compared(self, compares: bool) -> None:  # noqa: FBT001 - Qt's signal
        self._model.compare_all(compares=compares)


class HeatCard(Card):
    """How far batch and length can go together."""

    def __init__(self, model: FitsViewModel, parent: QWidget | None = None) -> None:
        super().__init__("Batch × length", parent=parent)
        self._model = model
        self._shown: HeatView | None = None
        self.map = HeatMap(name="Memory by batch and length")
        self.map.picked.connect(self._on_picked)
        self.frontier = Text("", wrap=True)
        legend = row(
            Badge("fits", "good", tip="Even the upper bound leaves room."),
            Badge("tight", "warn", tip="The upper bound is free, but little more."),
            Badge("too large", "bad", tip="More than is free."),
            STRETCH,
        )
        hint = Text("GiB at the peak. Click a cell to take it.", "muted", wrap=True)
        self.add(hint)
        self.add(self.map)
        self.add(boxed(legend))
        self.add(self.frontier)

    def render_view(self, view: HeatView | None) -> None:
        """Show `view`."""
        self.setVisible(view is not None)
        if view is None or view is self._shown:
            return
        self._shown = view
        self.title.setText(view.title)
        self.map.show_grid(heat_grid(view))
        self.frontier.setText(view.frontier)

    def _on_picked(self, row: int, column: int) -> None:
        if self._shown is not None:
            grid = self._shown.grid
            self._model.choose_cell(grid.batches[row], grid.lengths[column])


def heat_grid(view: HeatView) -> HeatGrid:
    """Return `view` as the widget takes it."""
    return HeatGrid(
        rows=tuple(str(batch) for batch in view.grid.batches),
        columns=tuple(_length_text(n) for n in view.grid.lengths),
        row_title="sequences at once",
        column_title="tokens in each",
        cells=view.cells,
        chosen=view.chosen,
    )


def _length_text(tokens: int) -> str:
    if tokens >= 1024 and tokens % 1024 == 0:
        return f"{tokens // 1024}k"
    return f"{tokens}"


class GridCard(Card):
    """Every model by every method on the card in question."""

    def __init__(self, model: FitsViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._model = model
        self._shown: GridView | None = None
        self.headline = Text("Models", "heading", wrap=True)
        self.summary = Text("", "muted", wrap=True)
        self.filter = Segmented(
            (("all", "All"), ("fits", "Fits"), ("here", "Here")),
            name="Which models to show",
            tips=(
                "Every model known",
                "Models that fit with these settings",
                "Models on this computer",
            ),
        )
        self.filter.picked.connect(self._on_filtered)
        self.search = SearchField("Search models", tip="Narrows the table as you type.")
        self.search.searched.connect(model.search)
        self.table = FitGrid(name="Models by method")
        self.table.picked.connect(self._on_picked)
        self.table.seen.connect(model.look_at)
        self.empty = Text("", "muted", wrap=True)
        legend = row(
            Badge("fits", "good", tip="As it is set."),
            Badge("with checkpointing", "accent", tip="A click turns it on, too."),
            Badge("tight", "warn", tip="The upper bound is free, but little more."),
            Badge("too large", "bad", tip="More than is free."),
            STRETCH,
        )
        self.add(self.headline)
        self.add(self.summary)
        self.add(boxed(row(self.filter, self.search, spacing=12)))
        self.add(self.empty)
        self.add(self.table)
        self.add(boxed(legend))

    def render_view(self, view: GridView) -> None:
        """Show `view`."""
        if view is self._shown:
            return
        self._shown = view
        self.headline.setText(view.title)
        self.summary.setText(view.summary)
        self.summary.setVisible(bool(view.summary))
        self.empty.setText(view.empty_text)
        self.empty.setVisible(bool(view.empty_text))
        self.table.setVisible(not view.empty_text)
        self.table.show_rows(view.columns, view.rows)

    def _on_filtered(self, key: str) -> None:
        self._model.show_only(cast("Shown", key))

    def _on_picked(self, model_id: str, column: int) -> None:
        kinds = self._shown.kinds if self._shown is not None else ()
        kind = kinds[column - 1] if 1 <= column <= len(kinds) else None
        self._model.choose_priced(model_id, kind)
