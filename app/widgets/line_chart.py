"""Curves that grow: raw and smoothed, held-out points, lines to compare with.

pyqtgraph is loaded when the first chart is made, not when the window opens: it takes
as long to import as all of Qt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QPen
from PySide6.QtWidgets import QStackedLayout, QWidget

from app import theme
from app.theme import SERIES
from app.widgets.chart_legend import ChartLegend
from app.widgets.layout import STRETCH, boxed, column, row
from app.widgets.text import Text

Look = Literal["line", "faint", "points", "dashed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One curve: parallel `x` and `y`; what is not finite leaves a gap.

    ``look="points"`` draws markers joined by a thin line (held-out loss), "faint" is
    for raw values under a smoothed line, "dashed" for forecasts.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    look: Look = "line"
    colour: int = 0
    """Which of the series colours; see `app.theme.SERIES`."""


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


@dataclass(slots=True)
class _Drawn:
    """The plot items one series owns."""

    item: Any
    look: Look = "line"
    colour: int = -1
    shown: tuple[int, float | None] = field(default=(0, None))


_SMOOTH_POINTS: Final = 4000  # beyond, smooth edges cost more than they show
_SYMBOLS: Final = ("o", "s", "t", "d", "+", "x", "star", "p")


class LineChart(QWidget):
    """A chart with a legend above it; drag to move, wheel to zoom, double click: all.

    `show_series` may be called 15 times a second with up to a million points.
    """

    def __init__(
        self, text: ChartText | None = None, *, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._text = text or ChartText()
        self.setMinimumHeight(200)
        self.setAccessibleName(self._text.title or self._text.y_label or "Chart")
        self._legend = ChartLegend()
        self._plot: Any = None
        self._drawn: dict[str, _Drawn] = {}
        self._levels: dict[str, Any] = {}
        self._log = False
        self._area = QStackedLayout()
        empty = Text(self._text.empty, "muted", wrap=True)
        empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._area.addWidget(empty)
        head = row(Text(self._text.title, "strong"), STRETCH, self._legend, spacing=16)
        lines = column(head, spacing=8)
        lines.addWidget(boxed(self._area), 1)
        self.setLayout(lines)

    def show_series(
        self, series: Sequence[Series], *, levels: Sequence[Level] = ()
    ) -> None:
        """Draw `series` and `levels` instead of what is drawn."""
        drawable = [one for one in series if len(one.x)]
        if not drawable:
            self._area.setCurrentIndex(0)
            self._legend.show_entries(())
            return
        self._ensure_plot()
        self._area.setCurrentIndex(1)
        for gone in set(self._drawn) - {one.name for one in drawable}:
            self._plot.removeItem(self._drawn.pop(gone).item)
        for at, one in enumerate(drawable):
            self._draw(one, at)
        self._draw_levels(levels)
        entries = [(one.name, SERIES[one.colour], one.look) for one in drawable]
        entries += [(level.name, SERIES[level.colour], "dashed") for level in levels]
        self._legend.show_entries(entries)
        self._describe(drawable)

    def set_log(self, log: bool) -> None:  # noqa: FBT001 - a setter
        """Draw y on a logarithmic scale, or not."""
        self._log = log
        if self._plot is not None:
            self._plot.setLogMode(x=False, y=log)
            for name in list(self._levels):
                self._plot.removeItem(self._levels.pop(name))

    def show_all(self) -> None:
        """Zoom so that everything drawn is seen, and follow what grows."""
        if self._plot is not None:
            self._plot.enableAutoRange()

    def changeEvent(self, event: QEvent) -> None:
        """Take the theme's colours when it changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()

    def _ensure_plot(self) -> None:
        if self._plot is not None:
            return
        import pyqtgraph

        self._plot = pyqtgraph.PlotWidget()
        self._plot.setAccessibleName(self.accessibleName())
        self._plot.setFrameShape(self._plot.Shape.NoFrame)
        self._plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        item = self._plot.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.setClipToView(True)
        item.setDownsampling(auto=True, mode="peak")
        item.showGrid(x=False, y=True, alpha=0.14)
        item.setLabel("bottom", self._text.x_label)
        item.setLabel("left", self._text.y_label)
        item.getAxis("left").enableAutoSIPrefix(enable=False)
        item.getAxis("bottom").enableAutoSIPrefix(enable=False)
        item.setLogMode(x=False, y=self._log)
        self._area.addWidget(self._plot)
        self._dress()

    def _dress(self) -> None:
        if self._plot is None:
            return
        import pyqtgraph

        tokens = theme.current()
        self._plot.setBackground(None)
        for side in ("left", "bottom"):
            axis = self._plot.getPlotItem().getAxis(side)
            axis.setPen(pyqtgraph.mkPen(tokens.control_line))
            axis.setTextPen(pyqtgraph.mkPen(tokens.muted))
            axis.setStyle(tickFont=theme.font("caption"), tickLength=-4)
            axis.label.setFont(theme.font("caption"))
        for drawn in self._drawn.values():
            drawn.item.setPen(_pen(drawn.look, drawn.colour))

    def _draw(self, one: Series, order: int) -> None:
        import numpy as np

        drawn = self._drawn.get(one.name)
        if drawn is None:
            item = self._plot.plot([], [], name=None)
            drawn = self._drawn[one.name] = _Drawn(item=item)
        if (drawn.look, drawn.colour) != (one.look, one.colour):
            drawn.look, drawn.colour = one.look, one.colour
            _dress_item(drawn.item, one)
        drawn.item.setZValue(order)
        drawn.item.setData(
            np.asarray(one.x, dtype=float),
            np.asarray(one.y, dtype=float),
            connect="finite",
            antialias=len(one.x) <= _SMOOTH_POINTS,
            skipFiniteCheck=False,
        )

    def _draw_levels(self, levels: Sequence[Level]) -> None:
        import math

        import pyqtgraph

        for gone in set(self._levels) - {level.name for level in levels}:
            self._plot.removeItem(self._levels.pop(gone))
        for level in levels:
            y = math.log10(level.y) if self._log and level.y > 0 else level.y
            line = self._levels.get(level.name)
            if line is None:
                pen = _pen("dashed", level.colour)
                line = pyqtgraph.InfiniteLine(pos=y, angle=0, pen=pen)
                self._plot.addItem(line)
                self._levels[level.name] = line
            line.setValue(y)

    def _describe(self, series: Sequence[Series]) -> None:
        said = (
            f"{one.name}: {len(one.x)} points, last {one.y[-1]:.4g}" for one in series
        )
        self.setAccessibleDescription("; ".join(said))


def _pen(look: Look, colour: int) -> QPen:
    widths = {"line": 2.0, "faint": 1.0, "points": 1.2, "dashed": 1.5}
    alpha = 0.5 if look == "faint" else 1.0
    pen = QPen(theme.colour(SERIES[colour % len(SERIES)], alpha=alpha), widths[look])
    pen.setCosmetic(True)
    if look == "dashed":
        pen.setStyle(Qt.PenStyle.DashLine)
    return pen


def _dress_item(item: Any, one: Series) -> None:
    item.setPen(_pen(one.look, one.colour))
    # Qt strokes a wide, jagged polyline in quadratic time, its pieces in linear time:
    # 2,000 points took 28 ms a picture, and take 8.
    item.curve.setSegmentedLineMode("on" if one.look == "line" else "auto")
    if one.look == "points":
        colour = theme.colour(SERIES[one.colour % len(SERIES)])
        item.setSymbol(_SYMBOLS[one.colour % len(_SYMBOLS)])
        item.setSymbolSize(8)
        item.setSymbolBrush(colour)
        item.setSymbolPen(None)
    else:
        item.setSymbol(None)
