"""The list of models: virtual, so that ten thousand rows cost what twenty do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QHelpEvent, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from app import theme
from app.setup.model_view import FitBadge, ModelCard
from app.widgets.badge import SHAPE_OF, paint_shape
from app.widgets.text import plain_tip

Index = QModelIndex | QPersistentModelIndex
_ROOT: Final = QModelIndex()
_CARD: Final = Qt.ItemDataRole.UserRole


class _Rows(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.cards: tuple[ModelCard, ...] = ()

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.cards)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        card = self.cards[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return card.name
            case Qt.ItemDataRole.AccessibleTextRole:
                return card.spoken
            case _ if role == _CARD:
                return card
            case _:
                return None

    def show(self, cards: tuple[ModelCard, ...]) -> None:
        """Show `cards`; the same models in the same order keep their place."""
        same = [card.id for card in cards] == [card.id for card in self.cards]
        if same:
            self.cards = cards
            if cards:
                self.dataChanged.emit(self.index(0), self.index(len(cards) - 1))
            return
        self.beginResetModel()
        self.cards = cards
        self.endResetModel()


class _Painter(QStyledItemDelegate):
    """Paints one model: name and facts left, verdicts right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        del option, index
        return QSize(320, theme.px(52) + 22)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index
    ) -> None:
        card: ModelCard = index.data(_CARD)
        rect, state = option.rect, option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(rect).adjusted(1.5, 2.5, -1.5, -2.5)
        self._paint_ground(painter, box, card, state)
        left = self._paint_badges(painter, box, card)
        self._paint_words(painter, box.adjusted(16, 0, -16, 0), left, card)
        painter.restore()

    def helpEvent(
        self,
        event: QHelpEvent,
        view: QAbstractItemView,
        option: QStyleOptionViewItem,
        index: Index,
    ) -> bool:
        """Tell the figures of the badge under the mouse, else the whole row."""
        del option
        if not isinstance(index, QModelIndex) or not index.isValid():
            return False
        card: ModelCard = index.data(_CARD)
        box = QRectF(view.visualRect(index)).adjusted(1.5, 2.5, -1.5, -2.5)
        at = event.pos()
        for place, badge in _badge_places(box, card.badges):
            if place.contains(at):
                QToolTip.showText(event.globalPos(), plain_tip(badge.tip), view)
                return True
        QToolTip.showText(event.globalPos(), plain_tip(card.problem or card.id), view)
        return True

    def _paint_ground(
        self, painter: QPainter, box: QRectF, card: ModelCard, state: QStyle.StateFlag
    ) -> None:
        tokens = theme.current()
        over = bool(state & QStyle.StateFlag.State_MouseOver)
        focused = bool(state & QStyle.StateFlag.State_HasFocus)
        chosen = card.is_chosen
        ground = tokens.accent_soft if chosen else tokens.surface
        painter.setBrush(theme.colour(tokens.hover if over and not chosen else ground))
        pen = painter.pen()
        pen.setColor(
            theme.colour(
                tokens.focus if focused else tokens.accent if chosen else tokens.line
            )
        )
        pen.setWidthF(2.0 if chosen or focused else 1.0)
        painter.setPen(pen)
        painter.drawRoundedRect(box, theme.RADIUS_CARD, theme.RADIUS_CARD)
        if chosen and focused:  # two rings: it is chosen, and the keys act on it
            inner = box.adjusted(4, 4, -4, -4)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(inner, theme.RADIUS_CARD - 3, theme.RADIUS_CARD - 3)

    def _paint_words(
        self, painter: QPainter, box: QRectF, badges_left: float, card: ModelCard
    ) -> None:
        tokens = theme.current()
        middle = box.center().y()
        usable = not card.problem
        beside = badges_left - box.left() - 12
        upper = QRectF(box.left(), middle - theme.px(24), beside, theme.px(22))
        lower = QRectF(box.left(), middle + 3, box.width(), theme.px(20))
        _line(painter, upper, card.name, tokens.text if usable else tokens.muted, 600)
        _line(painter, lower, card.problem or card.detail, tokens.muted, 400)

    def _paint_badges(self, painter: QPainter, box: QRectF, card: ModelCard) -> float:
        if card.problem:
            badges = (FitBadge(text="Cannot be trained", tone="bad", tip=card.problem),)
        else:
            badges = card.badges
        left = box.right() - 4
        for place, badge in _badge_places(box, badges):
            _paint_badge(painter, place, badge)
            left = min(left, place.left())
        return left


def _line(painter: QPainter, box: QRectF, text: str, colour: str, weight: int) -> None:
    painter.setFont(theme.font("body", weight=weight))
    painter.setPen(theme.colour(colour))
    metrics = QFontMetricsF(painter.font())
    # What tells two names of one family apart stands at their ends.
    where = (
        Qt.TextElideMode.ElideMiddle if weight > 400 else Qt.TextElideMode.ElideRight
    )
    shown = metrics.elidedText(text, where, box.width())
    painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter), shown)


def _badge_places(
    box: QRectF, badges: Sequence[FitBadge]
) -> list[tuple[QRectF, FitBadge]]:
    """Return where each badge stands, at the row's right end."""
    metrics = QFontMetricsF(theme.font("caption", weight=600))
    height = metrics.height() + 8
    right = box.right() - 12
    places: list[tuple[QRectF, FitBadge]] = []
    for badge in reversed(badges):
        width = metrics.horizontalAdvance(badge.text) + theme.px(14) + 18
        top = box.center().y() - theme.px(13) - height / 2
        places.append((QRectF(right - width, top, width, height), badge))
        right -= width + 6
    return places


def _paint_badge(painter: QPainter, place: QRectF, badge: FitBadge) -> None:
    paint = theme.current().tone(badge.tone)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.colour(paint.ground))
    painter.drawRoundedRect(place, 6, 6)
    size = theme.px(9)
    mark = QRectF(place.left() + 9, place.center().y() - size / 2, size, size)
    paint_shape(painter, SHAPE_OF[badge.tone], mark, paint.mark)
    painter.setPen(theme.colour(paint.text))
    painter.setFont(theme.font("caption", weight=600))
    room = place.adjusted(9 + theme.px(14), 0, 0, 0)
    painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), badge.text)


class ModelList(QListView):
    """Models to choose from, by mouse or by arrows and Enter.

    Signals:
        picked (str): the person chose the model with this id.
    """

    picked = Signal(str)

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = _Rows(self)
        self.setModel(self._rows)
        self.setItemDelegate(_Painter(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setAccessibleName("Base models")
        self.setProperty("kind", "cards")
        self.clicked.connect(self._on_picked)
        self.activated.connect(self._on_picked)

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """What is shown."""
        return self._rows.cards

    def show_cards(self, cards: tuple[ModelCard, ...]) -> None:
        """Show `cards`."""
        if cards == self._rows.cards:
            return
        before = _chosen_row(self._rows.cards)
        self._rows.show(cards)
        chosen = _chosen_row(cards)
        if chosen is not None and chosen != before:
            self.scrollTo(self._rows.index(chosen))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Begin at the chosen model, else at the first: a ring shows where keys act."""
        super().focusInEvent(event)
        if not self.currentIndex().isValid():
            self.setCurrentIndex(self._rows.index(_chosen_row(self.cards) or 0))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose with Space as well as with Enter."""
        if event.key() == Qt.Key.Key_Space and self.currentIndex().isValid():
            self._on_picked(self.currentIndex())
            return
        super().keyPressEvent(event)

    def _on_picked(self, index: QModelIndex) -> None:
        card: ModelCard = index.data(_CARD)
        self.picked.emit(card.id)


def _chosen_row(cards: tuple[ModelCard, ...]) -> int | None:
    return next((at for at, card in enumerate(cards) if card.is_chosen), None)
