"""The charts of one run: the loss large, the rest small below it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from app.training.series import Points, RunCurves
from app.widgets.buttons import GhostButton
from app.widgets.card import Card
from app.widgets.layout import STRETCH, column, row
from app.widgets.line_chart import ChartText, Level, LineChart, Series
from core.units import GIB

_Content = tuple[tuple[Series, ...], tuple[Level, ...]]
_NAMES: Final = {
    "learning_rate": "each step",
    "grad_norm": "each step",
    "tokens_per_s": "trained tokens",
    "memory": "used",
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
        self.loss.setMinimumHeight(340)
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
        self._content: dict[str, _Content] = {}
        self._stale: set[str] = set()
        self._turn = QTimer(self)
        self._turn.setSingleShot(True)
        self._turn.setInterval(0)
        self._turn.timeout.connect(self._draw_next)
        self.setLayout(column(card, self._grid, spacing=16))
        for name in self.small:
            self._cards[name].setParent(self)
            self._cards[name].hide()

    def show_curves(self, curves: RunCurves, *, predicted_memory: int | None) -> None:
        """Draw `curves`, and the predicted memory as a line, as soon as they are seen.

        A chart a turn of the event loop, and none that is scrolled out of sight: five
        charts at once would hold the window for longer than a person overlooks.
        """
        level = predicted_memory / GIB if predicted_memory else None
        wanted = _wanted(curves, predicted=level)
        self._place(tuple(name for name in wanted if name != "loss"))
        for name, content in wanted.items():
            if self._content.get(name) != content:
                self._content[name] = content
                self._stale.add(name)
        if not wanted:
            self._content = {}
            self._stale = set()
            self.loss.show_series(())
        self.draw_soon()

    @Slot()
    def draw_soon(self) -> None:
        """Draw what is stale and in sight: also after a scroll."""
        if self._stale and not self._turn.isActive():
            self._turn.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what was left while nobody looked."""
        super().showEvent(event)
        self.draw_soon()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw what a larger window brings into sight."""
        super().resizeEvent(event)
        self.draw_soon()

    @Slot()
    def _draw_next(self) -> None:
        for name in ("loss", *self._shown):
            chart = self.loss if name == "loss" else self.small[name]
            if name in self._stale and not chart.visibleRegion().isEmpty():
                self._stale.discard(name)
                series, levels = self._content[name]
                chart.show_series(series, levels=levels)
                self.draw_soon()
                return

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


def _wanted(curves: RunCurves, *, predicted: float | None) -> dict[str, _Content]:
    """Return what each chart that has data is to show."""
    found: dict[str, _Content] = {}
    if curves.loss or curves.eval_loss:
        found["loss"] = (_loss_series(curves), ())
    named: dict[str, Points] = {
        "learning_rate": curves.learning_rate,
        "grad_norm": curves.grad_norm,
        "tokens_per_s": curves.tokens_per_s,
        "memory": curves.memory,
        "temperature": curves.temperature,
        "power": curves.power,
    }
    for name, points in named.items():
        if points:
            one = Series(name=_NAMES[name], x=points.xs, y=points.ys)
            has_level = name == "memory" and predicted is not None
            levels = (Level(name="predicted", y=predicted or 0.0),) if has_level else ()
            found[name] = ((one,), levels)
    return found


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
