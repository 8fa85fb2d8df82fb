"""What is behind the answer, as cards: parts and formulas, other uses, other cards."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.fits.cards_view import CardRow, CardsView
from app.fits.figures_view import FiguresView, FormulaRow, UseRow
from app.fits.viewmodel import FitsViewModel
from app.widgets.card import Card
from app.widgets.figure_table import Figure, FigureTable
from app.widgets.fit_grid import FitGrid
from app.widgets.grid_values import GridCell, GridRow
from app.widgets.layout import divider
from app.widgets.text import Text


class FiguresCard(Card):
    """Each part of the memory with its formula, and what else takes how much."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Part by part", parent=parent)
        self._shown: FiguresView | None = None
        self.parts = FigureTable(
            ("Part", "Size", "Share", "How it comes about"),
            name="Memory part by part",
            folds_at=520,
        )
        self.uses = FigureTable(
            ("Use", "Device", "Memory", "Disk", ""), name="What else takes how much"
        )
        self.add(
            Text(
                "Each line tells its formula and numbers under the mouse.",
                "muted",
                wrap=True,
            )
        )
        self.add(self.parts)
        self.add(divider())
        self.add(Text("And afterwards", "heading"))
        self.add(self.uses)

    def render_view(self, view: FiguresView | None) -> None:
        """Show `view`."""
        self.setVisible(view is not None)
        if view is None or view is self._shown:
            return
        self._shown = view
        self.parts.show_rows([_part_figures(row) for row in view.parts])
        self.uses.show_rows([_use_figures(row) for row in view.uses])


def _part_figures(row: FormulaRow) -> tuple[Figure, ...]:
    part, tip = row.part, row.part.tip
    is_sum = part.series is None
    role = "strong" if is_sum else "body"
    return (
        Figure(text=part.name, role=role, tip=tip, series=part.series),
        Figure(text=part.size, role=role, tip=tip, is_number=True),
        Figure(text=part.share, role="muted", tip=tip, is_number=True),
        Figure(text=row.formula, role="muted", tip=tip),
    )


def _use_figures(row: UseRow) -> tuple[Figure, ...]:
    return (
        Figure(text=row.name, tip=row.tip),
        Figure(text=row.device, tip=row.tip, is_number=True),
        Figure(text=row.host, tip=row.tip, is_number=True),
        Figure(text=row.disk, tip=row.tip, is_number=True),
        Figure(text=row.verdict, tone=row.tone, tip=row.tip),
    )


class CardsCard(Card):
    """Which card would one need?"""

    def __init__(self, model: FitsViewModel, parent: QWidget | None = None) -> None:
        super().__init__("Which card would I need?", parent=parent)
        self._model = model
        self._shown: CardsView | None = None
        self.summary = Text("", wrap=True)
        self.table = FitGrid(name="Cards", lines=7)
        self.table.picked.connect(self._on_picked)
        self.add(self.summary)
        self.add(self.table)

    def render_view(self, view: CardsView | None) -> None:
        """Show `view`."""
        self.setVisible(view is not None)
        if view is None or view is self._shown:
            return
        self._shown = view
        self.summary.setText(view.summary)
        self.table.show_rows(view.columns, tuple(_grid_row(row) for row in view.rows))

    def _on_picked(self, card: str, _column: int) -> None:
        self._model.ask_device(card)


def _grid_row(row: CardRow) -> GridRow:
    return GridRow(
        key=row.name,
        name=row.name.removeprefix("GeForce "),
        detail=row.detail,
        cells=(
            GridCell(text=row.need, tone=row.tone, tip=row.need_tip),
            GridCell(text=row.time, tip=row.time_tip),
        ),
        is_chosen=row.is_chosen,
    )
