"""Curves that grow: raw and smoothed, held-out points, lines to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QStackedLayout, QWidget

from app.widgets.chart_legend import ChartLegend
from app.widgets.layout import STRETCH, boxed, column, row
from app.widgets.plot import Plot
from app.widgets.plot_curve import Curve, Look, Rule
from app.widgets.plot_scale import as_numbers
from app.widgets.text import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One curve: parallel `x` and `y`, x rising; what is not finite leaves a gap.

    ``look="points"`` draws marks joined by a thin line (held-out loss), "faint" is
    for raw values under a smoothed line, "dashed" for forecasts.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    look: Look = "line"
    colour: int = 0
    """Which of the eight series colours; see `app.theme.series`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A horizontal line with a word: what was predicted, what is free."""

    name: str
    y: float
    colour: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartText:
    """The words on a chart."""

    title: str = ""
    x_label: str = "step"
    y_label: str = ""
    empty: str = "Nothing to draw yet."


class LineChart(QWidget):
    """A chart under its title and legend; reading, moving and zooming see `Plot`.

    `show_series` may be called as often as one likes, with up to a million points.
    """

    def __init__(
        self, text: ChartText | None = None, *, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._text = text or ChartText()
        self.setMinimumHeight(200)
        self._legend = ChartLegend()
        self.plot = Plot(x_label=self._text.x_label, y_label=self._text.y_label)
        self._area = QStackedLayout()
        empty = Text(self._text.empty, "muted", wrap=True)
        empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._area.addWidget(empty)
        self._area.addWidget(self.plot)
        head = row(Text(self._text.title, "strong"), STRETCH, self._legend, spacing=16)
        lines = column(head, spacing=8)
        lines.addWidget(boxed(self._area), 1)
        self.setLayout(lines)
        name = self._text.title or self._text.y_label or "Chart"
        self.setAccessibleName(name)
        self.plot.setAccessibleName(f"{name}: chart")

    def show_series(
        self, series: Sequence[Series], *, levels: Sequence[Level] = ()
    ) -> None:
        """Draw `series` and `levels` instead of what is drawn."""
        drawable = [one for one in series if len(one.x)]
        self._area.setCurrentIndex(1 if drawable else 0)
        if not drawable:
            self._legend.show_entries(())
            self.plot.show_curves((), ())
            return
        self.plot.show_curves(
            [_curve(one) for one in drawable],
            [Rule(name=level.name, y=level.y, series=level.colour) for level in levels],
        )
        entries = [(one.name, one.colour, str(one.look)) for one in drawable]
        entries += [(level.name, level.colour, "dashed") for level in levels]
        self._legend.show_entries(entries)
        self._describe(drawable)

    def set_log(self, log: bool) -> None:  # noqa: FBT001 - a setter
        """Draw y on a logarithmic scale, or not."""
        self.plot.set_log(log)

    def show_all(self) -> None:
        """Zoom so that everything drawn is seen, and follow what grows."""
        self.plot.show_all()

    def _describe(self, series: Sequence[Series]) -> None:
        said = (
            f"{one.name}: {len(one.x)} points, last {one.y[-1]:.4g}" for one in series
        )
        self.plot.setAccessibleDescription("; ".join(said))


def _curve(one: Series) -> Curve:
    return Curve(
        name=one.name,
        xs=as_numbers(one.x),
        ys=as_numbers(one.y),
        look=one.look,
        series=one.colour,
    )
