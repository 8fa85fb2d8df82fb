"""Several runs in one chart, and a table of nothing but what differs."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.training.comparison import MEASURES, CompareView, Measure
from app.training.viewmodel import RunsViewModel
from app.widgets.buttons import GhostButton
from app.widgets.card import Card
from app.widgets.fields import Segmented
from app.widgets.layout import STRETCH, divider, row
from app.widgets.line_chart import ChartText, LineChart, Series
from app.widgets.page import PageBody, PageHeader
from app.widgets.text import Text

_LABELS: dict[Measure, str] = {
    "eval_loss": "held-out loss",
    "smoothed": "training loss, smoothed",
    "tokens_per_s": "tokens/s",
    "memory": "GiB",
}


class ComparePanel(QWidget):
    """Paints `CompareView`s.

    Signals:
        left (): the person wants to see the list.
    """

    left = Signal()

    def __init__(self, model: RunsViewModel, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        back = GhostButton("All runs", tip="Back to the list (Esc).", icon="left")
        back.clicked.connect(self.left)
        self.header = PageHeader("Compare runs")
        self.measure = Segmented(MEASURES, name="What to compare")
        self.measure.picked.connect(self._on_measure)
        self.chart = LineChart(ChartText(empty="None of these runs measured this."))
        self.chart.setMinimumHeight(340)
        chart_card = Card()
        chart_card.body.addLayout(row(self.measure, STRETCH))
        chart_card.add(self.chart)
        self.results = _CompareTable()
        results_card = Card("Results")
        results_card.add(self.results)
        self.same = Text("These runs have the same settings.", "muted")
        self.differing = _CompareTable()
        differing_card = Card("Settings that differ")
        differing_card.add(self.same)
        differing_card.add(self.differing)
        body = PageBody(
            row(back, STRETCH),
            self.header,
            chart_card,
            results_card,
            differing_card,
            name="Comparison of runs",
        )
        body.column.setSpacing(16)
        body.column.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(body)
        model.compared.connect(self.render_view)

    @Slot(object)
    def render_view(self, view: CompareView) -> None:
        """Paint `view`. The only place that writes to these widgets."""
        self.header.set_text("Compare runs", view.sentence)
        self.measure.set_key(view.measure)
        look = "points" if view.measure == "eval_loss" else "line"
        self.chart.show_series(
            [
                Series(
                    name=curve.name,
                    x=curve.points.xs,
                    y=curve.points.ys,
                    look=look,
                    colour=at,
                )
                for at, curve in enumerate(view.curves)
            ]
        )
        self.chart.setAccessibleName(_LABELS[view.measure])
        self.results.show_table(view.names, view.results)
        self.differing.show_table(view.names, view.differing)
        self.differing.setVisible(bool(view.differing))
        self.same.setVisible(not view.differing)

    @Slot(str)
    def _on_measure(self, key: str) -> None:
        for measure, _ in MEASURES:
            if measure == key:
                self._model.measure(measure)


class _CompareTable(QWidget):
    """Names across the top, one row a fact."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = QVBoxLayout(self)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._shown: object = None
        self._table: QWidget | None = None

    def show_table(
        self,
        names: Sequence[str],
        rows: Sequence[tuple[str, Sequence[str], str]],
    ) -> None:
        """Show `rows` of (label, value for each name, explanation)."""
        if (names, rows) == self._shown:
            return
        self._shown = (names, rows)
        if self._table is not None:
            self._lines.removeWidget(self._table)
            self._table.hide()
            self._table.deleteLater()
        self._table = QWidget()
        grid = QGridLayout(self._table)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(8)
        for at, name in enumerate(names, start=1):
            grid.addWidget(Text(name, "strong", wrap=True), 0, at)
            grid.setColumnStretch(at, 1)
        for line, (label, values, tip) in enumerate(rows, start=1):
            grid.addWidget(divider(), line * 2 - 1, 0, 1, len(names) + 1)
            key = Text(label, "muted")
            key.setToolTip(tip)
            grid.addWidget(key, line * 2, 0, Qt.AlignmentFlag.AlignTop)
            for at, value in enumerate(values, start=1):
                cell = Text(value, wrap=True, selectable=True)
                cell.setAccessibleName(f"{label}, {names[at - 1]}: {value}")
                grid.addWidget(cell, line * 2, at)
        self._lines.addWidget(self._table)
