"""A stepper that can be walked in any order; each step says how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from app import theme
from app.widgets.badge import paint_shape

StepState = Literal["todo", "done", "problem"]

_SAID: dict[StepState, str] = {
    "todo": "to do",
    "done": "done",
    "problem": "needs attention",
}


class _Step(QAbstractButton):
    """A numbered disc and a word; a check when done, a triangle when in trouble."""

    def __init__(self, number: int, title: str) -> None:
        super().__init__()
        self._number = number
        self.state: StepState = "todo"
        self.setText(title)
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(theme.font("body", weight=600))
        width = metrics.horizontalAdvance(self.text()) + theme.px(24) + 8 + 20
        return QSize(width, theme.px(24) + 16)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        tokens = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.hasFocus() or self.underMouse():
            ring = theme.colour(tokens.focus if self.hasFocus() else tokens.hover)
            painter.setPen(ring if self.hasFocus() else Qt.PenStyle.NoPen)
            fill = Qt.BrushStyle.NoBrush if self.hasFocus() else ring
            painter.setBrush(fill)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 7, 7)
        size = theme.px(24)
        disc = QRectF(10, (self.height() - size) / 2, size, size)
        self._paint_disc(painter, disc)
        painter.setPen(theme.colour(tokens.text if self.isChecked() else tokens.muted))
        painter.setFont(theme.font("body", weight=600 if self.isChecked() else 500))
        left = disc.right() + 8
        room = QRectF(left, 0, self.width() - left, self.height())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), self.text())
        painter.end()

    def _paint_disc(self, painter: QPainter, disc: QRectF) -> None:
        tokens = theme.current()
        painter.setPen(Qt.PenStyle.NoPen)
        mark = disc.adjusted(*(disc.width() * k for k in (0.31, 0.31, -0.31, -0.31)))
        if self.state == "problem":
            painter.setBrush(theme.colour(tokens.warn.ground))
            painter.drawEllipse(disc)
            paint_shape(painter, "triangle", mark, tokens.warn.mark)
            return
        if self.state == "done" and not self.isChecked():
            painter.setBrush(theme.colour(tokens.good.ground))
            painter.drawEllipse(disc)
            paint_shape(painter, "check", mark, tokens.good.mark)
            return
        on = self.isChecked()
        painter.setBrush(theme.colour(tokens.accent if on else tokens.pressed))
        painter.drawEllipse(disc)
        painter.setPen(theme.colour(tokens.on_accent if on else tokens.text))
        painter.setFont(theme.font("caption", weight=600))
        painter.drawText(disc, int(Qt.AlignmentFlag.AlignCenter), str(self._number))


class Stepper(QWidget):
    """Steps in a row: ``Stepper(("Model", "Data", "Method", "Fit", "Start"))``.

    Signals:
        requested (int): the person wants to see this step, counted from 0.
    """

    requested = Signal(int)

    def __init__(self, titles: Sequence[str], *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        self._steps: list[_Step] = []
        for at, title in enumerate(titles):
            if at:
                line.addWidget(_Link(), 1)
            step = _Step(at + 1, title)
            step.clicked.connect(self._on_clicked)
            line.addWidget(step)
            self._steps.append(step)
        self.set_current(0)
        for at in range(len(titles)):
            self.set_state(at, "todo")

    def set_current(self, index: int) -> None:
        """Show `index` as the step being looked at."""
        self._steps[index].setChecked(True)
        self.update()

    @property
    def current(self) -> int:
        """The step being looked at."""
        return next(at for at, step in enumerate(self._steps) if step.isChecked())

    def set_state(self, index: int, state: StepState, *, why: str = "") -> None:
        """Show how step `index` stands, and `why` on hover."""
        step = self._steps[index]
        step.state = state
        said = _SAID[state]
        step.setAccessibleName(f"Step {index + 1}, {step.text()}: {said}")
        step.setToolTip(why or f"{step.text()}: {said}")
        step.update()

    def _on_clicked(self) -> None:
        self.requested.emit(self.current)


class _Link(QWidget):
    """The hairline between two steps."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumWidth(8)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setPen(theme.colour(theme.current().line))
        middle = self.height() / 2
        painter.drawLine(QPointF(4, middle), QPointF(self.width() - 4, middle))
        painter.end()
