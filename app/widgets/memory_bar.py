"""Where a run's memory goes: one stacked bar a method, against what is free.

Painted by hand: crisp at any scale, and quick enough to follow a slider.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import theme
from app.theme import SERIES, Tone
from app.widgets.badge import SHAPE_OF, paint_shape

GIB: Final = 1 << 30

_BAR_HEIGHT: Final = 30
_ROW_GAP: Final = 20
_LEGEND_GAP: Final = 18
_FAR: Final = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPart:
    """One coloured piece of a bar; the same `name` has one colour in every row."""

    name: str
    size_bytes: int
    tip: str = ""
    series: int | None = None
    """The number of its colour; None: the next that is free, which may change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRow:
    """One method's bar; `low_bytes` to `high_bytes` is the whisker."""

    label: str
    parts: tuple[MemoryPart, ...]
    low_bytes: int
    high_bytes: int
    verdict: str = ""
    tone: Tone = "neutral"
    chosen: bool = False

    @property
    def total_bytes(self) -> int:
        """The expected sum."""
        return sum(part.size_bytes for part in self.parts)


class MemoryBar(QWidget):
    """Rows of stacked bars with whiskers, a line for free memory, and a legend."""

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[MemoryRow, ...] = ()
        self._heights: dict[int, int] = {}
        self._free_bytes = 0
        self._free_label = "free"
        self._hits: list[tuple[QRectF, str]] = []
        # Not Fixed: a layout then cuts it to the height of a hint for another width.
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setMinimumWidth(420)
        self.setAccessibleName("Memory forecast")

    def show_rows(
        self,
        rows: Sequence[MemoryRow],
        *,
        free_bytes: int,
        free_label: str = "free now",
    ) -> None:
        """Show `rows` against `free_bytes` (0: no line)."""
        before = len(self._rows), self._names()
        self._rows = tuple(rows)
        self._free_bytes = free_bytes
        self._free_label = free_label
        said = (
            f"{row.label}: {_gib(row.total_bytes)} GiB, {row.verdict}"
            for row in self._rows
        )
        self.setAccessibleDescription("; ".join(said))
        if before != (len(self._rows), self._names()):  # else it is as tall as before
            self._heights.clear()
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Return the height rows, scale and legend need."""
        return QSize(560, self.heightForWidth(max(self.width(), 560)))

    def minimumSizeHint(self) -> QSize:
        """Return the same height at the least width."""
        return QSize(420, self.heightForWidth(max(self.width(), 420)))

    def hasHeightForWidth(self) -> bool:
        """Return True: a narrow legend wraps."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height at `width`, measured once: layouts ask again and again."""
        if width not in self._heights:
            self._heights[width] = self._measured(width)
        return self._heights[width]

    def changeEvent(self, event: QEvent) -> None:
        """Measure anew in another font or style."""
        self._heights.clear()
        super().changeEvent(event)

    def _measured(self, width: int) -> int:
        rows = max(1, len(self._rows))
        top = theme.px(22)
        body = rows * (_BAR_HEIGHT + theme.px(20) + _ROW_GAP)
        legend = self._legend_rows(width) * theme.px(24) if self._rows else 0
        return int(top + body - _ROW_GAP + _LEGEND_GAP + legend)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint everything from the rows of now."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._hits = []
        scale = self._scale()
        top = theme.px(22.0)
        y = top
        bars: list[QRectF] = []
        for row in self._rows:
            bars.append(self._paint_row(painter, row, y, scale))
            y = bars[-1].bottom() + _ROW_GAP - 3
        if self._rows:
            self._paint_free(painter, bars, scale)
            self._paint_legend(painter, y + _LEGEND_GAP - _ROW_GAP)
        painter.end()

    def event(self, event: QEvent) -> bool:
        """Show the part under the mouse as a tooltip."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            at = QPointF(event.pos())
            said = next((tip for box, tip in self._hits if box.contains(at)), "")
            QToolTip.showText(event.globalPos(), said, self)
            return True
        return super().event(event)

    def _names(self) -> list[str]:
        names: list[str] = []
        for row in self._rows:
            names += [p.name for p in row.parts if p.name not in names]
        return names

    def _series(self) -> dict[str, int]:
        """Return the number of each name's colour."""
        told = {
            part.name: part.series
            for row in self._rows
            for part in row.parts
            if part.series is not None
        }
        return {name: told.get(name, at) for at, name in enumerate(self._names())}

    def _most_needed(self) -> int:
        needed = [max(row.high_bytes, row.total_bytes) for row in self._rows]
        return max([*needed, 1])

    def _is_far(self) -> bool:
        """Return whether free memory is so large that bars would be slivers."""
        return self._free_bytes > _FAR * self._most_needed()

    def _scale(self) -> float:
        """Return pixels a byte, so that the largest bar and the free line fit."""
        most = self._most_needed()
        right = most * _FAR * 0.75 if self._is_far() else max(most, self._free_bytes)
        return max(1.0, self.width() - 2.0) / (right * 1.04)

    def _paint_row(
        self, painter: QPainter, row: MemoryRow, y: float, scale: float
    ) -> QRectF:
        """Paint `row` from `y` on, and return its bar."""
        tokens = theme.current()
        painter.setFont(theme.font("body", weight=600 if row.chosen else 400))
        painter.setPen(theme.colour(tokens.text))
        words = QRectF(0, y, self.width(), theme.px(20))
        painter.drawText(words, int(Qt.AlignmentFlag.AlignVCenter), row.label)
        after = QFontMetricsF(painter.font()).horizontalAdvance(row.label) + 12
        self._paint_verdict(painter, row, y, after)
        bar = QRectF(0, y + theme.px(20) + 3, row.total_bytes * scale, _BAR_HEIGHT)
        self._paint_parts(painter, row, bar, scale)
        self._paint_whisker(painter, row, bar, scale)
        return bar

    def _paint_verdict(
        self, painter: QPainter, row: MemoryRow, y: float, left: float
    ) -> None:
        paint = theme.current().tone(row.tone)
        if row.verdict:
            size = theme.px(9)
            box = QRectF(left, y + (theme.px(20) - size) / 2, size, size)
            paint_shape(painter, SHAPE_OF[row.tone], box, paint.mark)
            painter.setPen(theme.colour(paint.text))
            painter.setFont(theme.font("body", weight=500))
            room = QRectF(box.right() + 6, y, self.width(), theme.px(20))
            painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), row.verdict)
        painter.setFont(theme.font("body", weight=600))
        painter.setPen(theme.colour(theme.current().text))
        total = f"{_gib(row.total_bytes)} GiB"
        room = QRectF(0, y, self.width(), theme.px(20))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(room, int(right), total)

    def _paint_parts(
        self, painter: QPainter, row: MemoryRow, bar: QRectF, scale: float
    ) -> None:
        series = self._series()
        left = 0.0
        painter.setPen(Qt.PenStyle.NoPen)
        for part in row.parts:
            width = part.size_bytes * scale
            box = QRectF(left, bar.y(), width, bar.height())
            colour = SERIES[series[part.name] % len(SERIES)]
            painter.setBrush(theme.colour(colour, alpha=1.0 if row.chosen else 0.72))
            gap = 1.0 if width > 3 else 0.0
            painter.drawRoundedRect(box.adjusted(0, 0, -gap, 0), 2, 2)
            tip = f"{part.name}: {_gib(part.size_bytes)} GiB"
            self._hits.append((box, f"{tip}\n{part.tip}" if part.tip else tip))
            left += width

    def _paint_whisker(
        self, painter: QPainter, row: MemoryRow, bar: QRectF, scale: float
    ) -> None:
        if row.high_bytes <= row.low_bytes:
            return
        middle = bar.center().y()
        low, high = row.low_bytes * scale, row.high_bytes * scale
        lines = [
            QLineF(low, middle, high, middle),
            QLineF(low, middle - 5, low, middle + 5),
            QLineF(high, middle - 5, high, middle + 5),
        ]
        # A halo keeps the whisker legible over any of the eight colours.
        for name, width in (
            (theme.current().surface, 4.0),
            (theme.current().text, 1.6),
        ):
            painter.setPen(QPen(theme.colour(name), width))
            painter.drawLines(lines)
        box = QRectF(low, middle - 6, high - low, 12)
        said = f"between {_gib(row.low_bytes)} and {_gib(row.high_bytes)} GiB"
        self._hits.insert(0, (box, f"{row.label}: {said}"))

    def _paint_free(self, painter: QPainter, bars: list[QRectF], scale: float) -> None:
        """Paint where free memory ends: over each bar, or an arrow if far away."""
        if not self._free_bytes:
            return
        tokens = theme.current()
        x = self._free_bytes * scale
        said = f"{_gib(self._free_bytes)} GiB {self._free_label}"
        if self._is_far():
            x, said = float(self.width()), f"{said}, further right →"
        else:
            pen = QPen(theme.colour(tokens.text), 1.5, Qt.PenStyle.DashLine)
            painter.setPen(pen)
            for bar in bars:
                painter.drawLine(QLineF(x, bar.top() - 5, x, bar.bottom() + 5))
        painter.setFont(theme.font("caption", weight=600))
        painter.setPen(theme.colour(tokens.muted))
        width = painter.fontMetrics().horizontalAdvance(said)
        left = min(max(0.0, x - width / 2), self.width() - width - 1.0)
        painter.drawText(QPointF(left, theme.px(12)), said)

    def _legend_places(self, width: int) -> list[tuple[QPointF, str]]:
        metrics = QFontMetricsF(theme.font("caption"))
        x, line, places = 0.0, 0, list[tuple[QPointF, str]]()
        for name in self._names():
            wide = metrics.horizontalAdvance(name) + 16 + 18
            if x + wide > width and x > 0:
                x, line = 0.0, line + 1
            places.append((QPointF(x, line * theme.px(24)), name))
            x += wide
        return places

    def _legend_rows(self, width: int) -> int:
        places = self._legend_places(width)
        return len({place.y() for place, _ in places})

    def _paint_legend(self, painter: QPainter, top: float) -> None:
        painter.setFont(theme.font("caption"))
        height = theme.px(20)
        series = self._series()
        for place, name in self._legend_places(self.width()):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour(SERIES[series[name] % len(SERIES)]))
            y = top + place.y()
            painter.drawRoundedRect(
                QRectF(place.x(), y + (height - 10) / 2, 10, 10), 2, 2
            )
            painter.setPen(theme.colour(theme.current().muted))
            room = QRectF(place.x() + 16, y, self.width(), height)
            painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), name)


def _gib(n_bytes: int) -> str:
    """Return three digits of a size in GiB, as every page writes sizes."""
    size = n_bytes / GIB
    return f"{size:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f}"
