"""The slim bar at the window's foot: the device, and what is running."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QSizePolicy, QWidget

from app import theme
from app.widgets.layout import STRETCH, row
from app.widgets.text import plain_tip

_METER_WIDTH = 72


class _Chip(QAbstractButton):
    """An icon, words, and a meter between 0 and 1 (or none); clickable."""

    def __init__(self, icon: str, *, name: str) -> None:
        super().__init__()
        self._icon = icon
        self._name = name
        self._tail = ""
        self._fraction: float | None = None
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_words(
        self, words: str, *, tail: str = "", fraction: float | None = None, tip: str
    ) -> None:
        """Show `words`, a meter at `fraction`, then `tail`."""
        self.setText(words)
        self._tail, self._fraction = tail, fraction
        said = " ".join(part for part in (words, tail) if part)
        self.setAccessibleName(f"{self._name}: {said}")
        self.setToolTip(plain_tip(tip))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        font = theme.font("caption", weight=500)
        metrics = self.fontMetrics() if font == self.font() else None
        from PySide6.QtGui import QFontMetrics

        metrics = metrics or QFontMetrics(font)
        wide = 8 + 16 + 6 + metrics.horizontalAdvance(self.text()) + 8
        if self._fraction is not None:
            wide += _METER_WIDTH + 8
        if self._tail:
            wide += metrics.horizontalAdvance(self._tail) + 8
        return QSize(wide, theme.px(18) + 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        tokens = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        if self.underMouse() or self.hasFocus():
            ring = theme.colour(tokens.focus if self.hasFocus() else tokens.hover)
            painter.setPen(ring)
            painter.setBrush(theme.colour(tokens.hover))
            painter.drawRoundedRect(box, 6, 6)
        picture = theme.icon_pixmap(
            self._icon, tokens.muted, size=16, pixel_ratio=self.devicePixelRatioF()
        )
        painter.drawPixmap(8, round((self.height() - 16) / 2), picture)
        painter.setFont(theme.font("caption", weight=500))
        x = self._say(painter, 30.0, self.text(), tokens.text)
        if self._fraction is not None:
            meter = QRectF(x + 8, self.height() / 2 - 3, _METER_WIDTH, 6)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour(tokens.pressed))
            painter.drawRoundedRect(meter, 3, 3)
            painter.setBrush(theme.colour(tokens.accent))
            meter.setWidth(max(6.0, meter.width() * self._fraction))
            painter.drawRoundedRect(meter, 3, 3)
            x += _METER_WIDTH + 8
        self._say(painter, x + 8, self._tail, tokens.muted)
        painter.end()

    def _say(self, painter: QPainter, left: float, words: str, ink: str) -> float:
        """Paint `words` at `left`, and return where they end."""
        painter.setPen(theme.colour(ink))
        wide = painter.fontMetrics().horizontalAdvance(words)
        room = QRectF(left, 0, wide + 2, self.height())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), words)
        return left + wide


class StatusBar(QFrame):
    """Device at the left, work at the right.

    Signals:
        device_clicked (): the person wants to know more of the device.
        work_clicked (): the person wants to see what is running.
    """

    device_clicked = Signal()
    work_clicked = Signal()

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "status")
        self.device = _Chip("chip", name="Device")
        self.device.clicked.connect(self.device_clicked)
        self.work = _Chip("runs", name="Running")
        self.work.clicked.connect(self.work_clicked)
        self.work.hide()
        line = row(self.device, STRETCH, self.work, spacing=8)
        line.setContentsMargins(8, 3, 8, 3)
        self.setLayout(line)
        self.device.show_words("Looking at the machine…", tip="The device in use")

    def show_device(
        self, words: str, *, tail: str, fraction: float | None, tip: str
    ) -> None:
        """Show the device: name, memory meter, temperature."""
        self.device.show_words(words, tail=tail, fraction=fraction, tip=tip)

    def show_work(
        self,
        words: str,
        *,
        tail: str = "",
        fraction: float | None = None,
        tip: str = "",
    ) -> None:
        """Show what is running; nothing for no `words`."""
        self.work.setVisible(bool(words))
        self.work.show_words(words, tail=tail, fraction=fraction, tip=tip or words)
