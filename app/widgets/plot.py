"""The painted part of a chart: axes, curves, a reading under the mouse.

Painted by hand. A general plotting library takes half a second to import and 15 ms a
chart to paint, seven times over on a run's page; this takes two.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import (
    QElapsedTimer,
    QEvent,
    QLineF,
    QPointF,
    QRectF,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.widgets import plot_scale as scale
from app.widgets.plot_curve import Curve, Rule, paint_curve
from app.widgets.plot_reading import Reading, paint_reading
from app.widgets.plot_scale import Span

if TYPE_CHECKING:
    from app.widgets.plot_scale import Numbers

# Charts grow, they do not play: six pictures a second are plenty, and seven charts
# on a page then leave the window's thread free.
_PAINT_MS: Final = 160
# Each chart keeps a time of its own, so that a page's charts do not all paint at once.
_OFFSETS_MS: Final = itertools.cycle((0, 30, 60, 90, 120, 150))
_TICK_LENGTH: Final = 4
_PIXELS_A_COLUMN: Final = 3


class Plot(QWidget):
    """Curves over axes. Drag or arrows move, Ctrl+wheel or + and - zoom, Home: all.

    Signals:
        moved (): the person chose a part to look at, or all of it again.
    """

    moved = Signal()

    def __init__(
        self, *, x_label: str, y_label: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._labels = x_label, y_label
        self._curves: tuple[Curve, ...] = ()
        self._rules: tuple[Rule, ...] = ()
        self._log = False
        self._view: Span | None = None
        self._mouse: QPointF | None = None
        self._drag: tuple[float, Span] | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 100)
        self._rest_ms = _PAINT_MS + next(_OFFSETS_MS)
        self._since = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.update)

    def show_curves(self, curves: Sequence[Curve], rules: Sequence[Rule]) -> None:
        """Paint `curves` and `rules` soon; three to six times a second."""
        self._curves, self._rules = tuple(curves), tuple(rules)
        if not self._since.isValid() or self._since.elapsed() >= self._rest_ms:
            self.update()
        elif not self._timer.isActive():
            self._timer.start(self._rest_ms - self._since.elapsed())

    def set_log(self, log: bool) -> None:  # noqa: FBT001 - a setter
        """Paint y by its order of magnitude, or as it is."""
        self._log = log
        self.update()

    def show_all(self) -> None:
        """Look at everything, and follow what grows."""
        self._look_at(None)

    @property
    def curves(self) -> tuple[Curve, ...]:
        """What is painted."""
        return self._curves

    @property
    def view(self) -> Span | None:
        """The part of x looked at; None for everything."""
        return self._view

    # -- painting ----------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint everything."""
        del event
        self._since.start()
        view, shown = self._shown()
        heights = self._heights(shown)
        box = self._box(heights)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_axes(painter, box, view, heights)
        painter.save()
        painter.setClipRect(box.adjusted(-5, -5, 5, 5))
        for rule in self._rules:
            self._paint_rule(painter, box, rule, heights)
        for curve in shown:
            paint_curve(painter, curve, self._places(curve, box, view, heights))
        painter.restore()
        if self.hasFocus():
            painter.setPen(QPen(theme.colour(theme.current().focus), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        if self._mouse is not None and box.contains(self._mouse):
            reading = self._reading(self._mouse, box, view, heights)
            paint_reading(painter, reading, box)
        painter.end()

    def _everything(self) -> Span:
        found = scale.extent([curve.xs for curve in self._curves])
        return found or Span(low=0.0, high=1.0)

    def _shown(self) -> tuple[Span, list[Curve]]:
        """Return the part of x looked at, and the curves cut and thinned to it."""
        view = self._view or self._everything()
        columns = max(50, self.width() // _PIXELS_A_COLUMN)
        found: list[Curve] = []
        for curve in self._curves:
            xs, ys = scale.visible(curve.xs, self._scaled(curve.ys), view)
            xs, ys = scale.thinned(xs, ys, view, columns)
            found.append(
                Curve(
                    name=curve.name, xs=xs, ys=ys, look=curve.look, series=curve.series
                )
            )
        return view, found

    def _scaled(self, ys: Numbers) -> Numbers:
        if not self._log:
            return ys
        import numpy as np

        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(ys > 0, np.log10(ys), np.nan)

    def _heights(self, shown: Sequence[Curve]) -> Span:
        import numpy as np

        rules = [rule.y for rule in self._rules if not self._log or rule.y > 0]
        levels = self._scaled(np.asarray(rules, dtype=float))
        found = scale.extent([*(curve.ys for curve in shown), levels])
        return (found or Span(low=0.0, high=1.0)).padded(0.06)

    def _ticks(self, heights: Span) -> list[tuple[float, str]]:
        count = max(2, self.height() // theme.px(48))
        if self._log:
            marks = scale.log_ticks(heights, count)
            return [(at, scale.tick_texts([10**at])[0]) for at in marks]
        marks = scale.nice_ticks(heights, count)
        return list(zip(marks, scale.tick_texts(marks), strict=True))

    def _box(self, heights: Span) -> QRectF:
        metrics = QFontMetricsF(theme.font("caption"))
        widest = max(
            [metrics.horizontalAdvance(text) for _, text in self._ticks(heights)],
            default=0.0,
        )
        left = widest + _TICK_LENGTH + 8
        top = metrics.height() + 6 if self._labels[1] else 8.0
        bottom = metrics.height() * 2 + 10
        return QRectF(left, top, self.width() - left - 10, self.height() - top - bottom)

    def _paint_axes(
        self, painter: QPainter, box: QRectF, view: Span, heights: Span
    ) -> None:
        tokens = theme.current()
        painter.setFont(theme.font("caption"))
        line_height = painter.fontMetrics().height()
        for at, text in self._ticks(heights):
            y = box.bottom() - heights.share(at) * box.height()
            painter.setPen(QPen(theme.colour(tokens.line), 1))
            painter.drawLine(QLineF(box.left(), y, box.right(), y))
            painter.setPen(theme.colour(tokens.muted))
            room = QRectF(0, y - line_height / 2, box.left() - 8, line_height)
            painter.drawText(room, int(Qt.AlignmentFlag.AlignRight), text)
        painter.setPen(QPen(theme.colour(tokens.control_line), 1))
        painter.drawLine(QLineF(box.bottomLeft(), box.bottomRight()))
        painter.setPen(theme.colour(tokens.muted))
        count = max(2, int(box.width() // theme.px(90)))
        marks = scale.nice_ticks(view, count, whole=self._labels[0] == "step")
        for at, text in zip(marks, scale.tick_texts(marks), strict=True):
            x = box.left() + view.share(at) * box.width()
            room = QRectF(x - 60, box.bottom() + 5, 120, line_height)
            painter.drawText(room, int(Qt.AlignmentFlag.AlignHCenter), text)
        under = QRectF(box.left(), self.height() - line_height - 1, box.width(), 99)
        painter.drawText(under, int(Qt.AlignmentFlag.AlignHCenter), self._labels[0])
        painter.drawText(QPointF(0, line_height - 3), self._labels[1])

    def _paint_rule(
        self, painter: QPainter, box: QRectF, rule: Rule, heights: Span
    ) -> None:
        if self._log and rule.y <= 0:
            return
        at = math.log10(rule.y) if self._log else rule.y
        y = box.bottom() - heights.share(at) * box.height()
        pen = QPen(theme.colour(theme.series(rule.series)), 1.5, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.drawLine(QLineF(box.left(), y, box.right(), y))

    def _places(
        self, curve: Curve, box: QRectF, view: Span, heights: Span
    ) -> Iterator[list[QPointF]]:
        """Give the curve's unbroken stretches in pixels."""
        import numpy as np

        px = box.left() + (curve.xs - view.low) / view.width * box.width()
        py = box.bottom() - (curve.ys - heights.low) / heights.width * box.height()
        holes = np.flatnonzero(~np.isfinite(py))
        for part in np.split(np.arange(len(px)), holes):
            kept = part[np.isfinite(py[part])]
            if len(kept):
                yield [
                    QPointF(x, y)
                    for x, y in zip(px[kept].tolist(), py[kept].tolist(), strict=True)
                ]

    def _reading(
        self, mouse: QPointF, box: QRectF, view: Span, heights: Span
    ) -> Reading:
        x = view.low + (mouse.x() - box.left()) / box.width() * view.width
        curves = [curve for curve in self._curves if len(curve.xs)]
        lines: list[tuple[str, str, str, QPointF]] = []
        nearest_x = x
        for curve in curves:
            at = scale.nearest(curve.xs, x)
            nearest_x = float(curve.xs[at])
            y = float(curve.ys[at])
            shown = math.log10(y) if self._log and y > 0 else y
            place = QPointF(
                box.left() + view.share(nearest_x) * box.width(),
                box.bottom() - heights.share(shown) * box.height(),
            )
            text = f"{y:.4g}" if math.isfinite(y) else "not finite"
            lines.append((curve.name, text, theme.series(curve.series), place))
        first = curves[0].xs if curves else None
        if first is not None:
            nearest_x = float(first[scale.nearest(first, x)])
        head = f"{self._labels[0]} {nearest_x:,.6g}"
        return Reading(head=head, lines=tuple(lines), at=mouse)

    # -- looking around ----------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom with Ctrl; without it the page scrolls."""
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()
            return
        box = self._box(self._heights(self._shown()[1]))
        share = (event.position().x() - box.left()) / max(1.0, box.width())
        self._zoom(0.8 if event.angleDelta().y() > 0 else 1.25, around=share)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag = event.position().x(), self._view or self._everything()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move what is looked at, or read the values under the mouse."""
        self._mouse = event.position()
        if self._drag is not None:
            begun, view = self._drag
            by = (begun - event.position().x()) / max(1, self.width()) * view.width
            if abs(begun - event.position().x()) > 3:
                self._look_at(Span(low=view.low + by, high=view.high + by))
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go."""
        del event
        self._drag = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Look at everything again."""
        del event
        self.show_all()

    def leaveEvent(self, event: QEvent) -> None:
        """Read nothing any more."""
        super().leaveEvent(event)
        self._mouse = None
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Zoom with + and -, move with the arrows, Home for everything."""
        match event.key():
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self._zoom(0.8, around=0.5)
            case Qt.Key.Key_Minus:
                self._zoom(1.25, around=0.5)
            case Qt.Key.Key_Left | Qt.Key.Key_Right as key:
                view = self._view or self._everything()
                by = view.width * (0.1 if key == Qt.Key.Key_Right else -0.1)
                self._look_at(Span(low=view.low + by, high=view.high + by))
            case Qt.Key.Key_Home | Qt.Key.Key_0:
                self.show_all()
            case _:
                super().keyPressEvent(event)

    def _zoom(self, factor: float, *, around: float) -> None:
        view = self._view or self._everything()
        still = view.low + view.width * around
        width = view.width * factor
        everything = self._everything()
        if width >= everything.width:
            self._look_at(None)
            return
        low = still - width * around
        self._look_at(Span(low=low, high=low + max(width, everything.width * 1e-6)))

    def _look_at(self, view: Span | None) -> None:
        self._view = view
        self.update()
        self.moved.emit()
