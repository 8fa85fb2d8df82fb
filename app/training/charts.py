"""The charts of one run: the loss large, the rest small below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtWidgets import QGridLayout, QWidget

from app.training.series import Points, RunCurves
from app.widgets.buttons import GhostButton
from app.widgets.card import Card
from app.widgets.layout import STRETCH, column, row
from app.widgets.line_chart import ChartText, Level, LineChart, Series
from core.units import GIB

_NAMES: Final = {
    "learning_rate": "each step",
    "grad_norm": "each step",
    "tokens_per_s": "trained tokens",
    "temperature": "the card",
    "power": "the card",
}


class RunCharts(QWidget):
    """Give it the curves; a chart nobody has data for is not there."""

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.loss = LineChart(
            ChartText(
                title="Loss",
                y_label="nats per token",
                empty="The first loss comes after the first step.",
            )
        )
        self.loss.setMinimumHeight(300)
        self._log = GhostButton(
            "Log scale", tip="Draws the loss on a logarithmic scale, or not."
        )
        self._log.setCheckable(True)
        self._log.toggled.connect(self.loss.set_log)
        fit = GhostButton(
            "Show all", tip="Zooms out to the whole run and follows it again."
        )
        fit.clicked.connect(self.loss.show_all)
        card = Card()
        card.add(self.loss, stretch=1)
        card.body.addLayout(row(STRETCH, fit, self._log))
        self.small = {
            "learning_rate": _chart("Learning rate"),
            "grad_norm": _chart("Gradient norm"),
            "tokens_per_s": _chart("Speed", y_label="tokens/s"),
            "memory": _chart("Memory", y_label="GiB"),
            "temperature": _chart("Temperature", x_label="minutes", y_label="°C"),
            "power": _chart("Power", x_label="minutes", y_label="W"),
        }
        self._cards = {name: Card(padding=16) for name in self.small}
        for name, chart in self.small.items():
            self._cards[name].add(chart)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(16)
        self._shown: tuple[str, ...] = ()
        self.setLayout(column(card, self._grid, spacing=16))
        for name in self.small:
            self._cards[name].setParent(self)
            self._cards[name].hide()

    def show_curves(self, curves: RunCurves, *, predicted_memory: int | None) -> None:
        """Draw `curves`, and the predicted memory as a line."""
        self.loss.show_series(_loss_series(curves))
        named: dict[str, Points] = {
            "learning_rate": curves.learning_rate,
            "grad_norm": curves.grad_norm,
            "tokens_per_s": curves.tokens_per_s,
            "memory": curves.memory,
            "temperature": curves.temperature,
            "power": curves.power,
        }
        self._place(tuple(name for name, points in named.items() if points))
        for name in self._shown:
            if name == "memory":
                self._show_memory(curves.memory, predicted_memory)
            else:
                points = named[name]
                one = Series(name=_NAMES[name], x=points.xs, y=points.ys)
                self.small[name].show_series((one,))

    def _show_memory(self, points: Points, predicted: int | None) -> None:
        used = Series(name="used", x=points.xs, y=points.ys)
        levels: Sequence[Level] = ()
        if predicted:
            levels = (Level(name="predicted", y=predicted / GIB),)
        self.small["memory"].show_series((used,), levels=levels)

    def _place(self, names: tuple[str, ...]) -> None:
        if names == self._shown:
            return
        for name in self._shown:
            self._grid.removeWidget(self._cards[name])
            self._cards[name].hide()
        self._shown = names
        for at, name in enumerate(names):
            self._grid.addWidget(self._cards[name], at // 2, at % 2)
            self._cards[name].show()


def _chart(title: str, *, x_label: str = "step", y_label: str = "") -> LineChart:
    chart = LineChart(ChartText(title=title, x_label=x_label, y_label=y_label))
    chart.setFixedHeight(220)
    return chart


def _loss_series(curves: RunCurves) -> tuple[Series, ...]:
    return (
        Series(name="each step", x=curves.loss.xs, y=curves.loss.ys, look="faint"),
        Series(name="smoothed", x=curves.smoothed.xs, y=curves.smoothed.ys),
        Series(
            name="held out",
            x=curves.eval_loss.xs,
            y=curves.eval_loss.ys,
            look="points",
            colour=1,
        ),
    )
