"""Home after the first run: attention, running work, the last adapters, the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app import theme
from app.home.present import AdapterCard, Attention, HomeView, RunCard
from app.home.present import Meter as MeterView
from app.widgets.badge import Badge
from app.widgets.buttons import GhostButton, PrimaryButton, SecondaryButton
from app.widgets.card import Card, ChoiceCard
from app.widgets.layout import STRETCH, boxed, clear, column, divider, grow, row
from app.widgets.meter import Meter
from app.widgets.notice import Action, Notice
from app.widgets.page import EmptyState
from app.widgets.progress import ThinBar
from app.widgets.sparkline import Sparkline
from app.widgets.text import ElidedLabel, Text

_TWO_COLUMNS_FROM = 680  # pixels at the default text size


class Overview(QWidget):
    """Everything at a glance.

    Signals:
        requested (str, object): go to this page with this argument (or None).
    """

    requested = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self._attention = QVBoxLayout()
        self._attention.setSpacing(8)
        self._running = Card("Running")
        self._runs = QVBoxLayout()
        self._runs.setSpacing(12)
        self._running.body.addLayout(self._runs)
        all_button = GhostButton("Open the library", tip="All adapters", compact=True)
        all_button.clicked.connect(lambda: self.requested.emit("library", None))
        self._grid = QGridLayout()
        self._grid.setSpacing(12)
        heading = row(Text("Last adapters", "heading"), STRETCH, all_button)
        self._made = boxed(column(heading, self._grid, spacing=12))
        self._ended = Card("Last runs")
        self._ended_runs = QVBoxLayout()
        self._ended_runs.setSpacing(12)
        self._ended.body.addLayout(self._ended_runs)
        self._machine = Card("This machine")
        self._meters = (Meter(), Meter())
        for meter in self._meters:
            self._machine.add(meter)
        side = column(self._machine, self._next_card(), STRETCH, spacing=16)
        left = column(self._running, self._made, self._ended, STRETCH, spacing=20)
        columns = QHBoxLayout()
        columns.setSpacing(20)
        columns.addLayout(left, 5)
        columns.addWidget(boxed(side), 3)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(16)
        lines.addLayout(self._attention)
        lines.addLayout(columns)
        self._shown: HomeView | None = None
        self._columns_shown = 0
        self._run_rows: dict[str, _RunRow] = {}

    def render_view(self, view: HomeView) -> None:
        """Paint `view`; what did not change is left alone."""
        shown, self._shown = self._shown, view
        if shown is None or shown.attention != view.attention:
            self._show_attention(view.attention)
        if shown is None or shown.running != view.running:
            self._show_running(view.running)
        if shown is None or shown.recent != view.recent:
            self._show_recent(view.recent)
        if shown is None or shown.adapters != view.adapters:
            self._show_adapters(view.adapters)
        if shown is None or shown.meters != view.meters:
            self._show_meters(view.meters)

    def _next_card(self) -> Card:
        card = Card("What next")
        new = PrimaryButton(
            "New run", tip="Five steps from a model to an adapter (Ctrl+N)", icon="plus"
        )
        new.clicked.connect(lambda: self.requested.emit("train", None))
        chat = SecondaryButton(
            "Chat", tip="Ask base and adapters the same thing", icon="chat"
        )
        chat.clicked.connect(lambda: self.requested.emit("chat", None))
        card.add(
            Text("Train something new, or talk to what you made.", "muted", wrap=True)
        )
        card.body.addLayout(column(new, chat, spacing=8))
        return card

    def _show_attention(self, items: Sequence[Attention]) -> None:
        clear(self._attention)
        for item in items:
            notice = Notice()
            act = self._going(item.page, item.argument)
            notice.show_notice(
                item.tone,
                item.title,
                item.text,
                actions=(Action(text=item.action, run=act),),
            )
            self._attention.addWidget(notice)

    def _show_running(self, cards: Sequence[RunCard]) -> None:
        self._running.setVisible(bool(cards))
        if [card.run_id for card in cards] != list(self._run_rows):
            clear(self._runs)
            self._run_rows = {}
            for at, card in enumerate(cards):
                if at:
                    self._runs.addWidget(divider())
                made = _RunRow(card, self._going("runs", card.run_id))
                self._run_rows[card.run_id] = made
                self._runs.addWidget(made)
        for card in cards:
            self._run_rows[card.run_id].show_card(card)

    def _show_recent(self, cards: Sequence[RunCard]) -> None:
        self._ended.setVisible(bool(cards))
        clear(self._ended_runs)
        for at, card in enumerate(cards):
            if at:
                self._ended_runs.addWidget(divider())
            made = _RunRow(card, self._going("runs", card.run_id))
            made.show_card(card)
            self._ended_runs.addWidget(made)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the adapters out anew where another number of columns fits."""
        super().resizeEvent(event)
        if self._shown is not None and self._columns() != self._columns_shown:
            self._show_adapters(self._shown.adapters)

    def _columns(self) -> int:
        return 2 if self.width() >= theme.px(_TWO_COLUMNS_FROM) else 1

    def _show_adapters(self, cards: Sequence[AdapterCard]) -> None:
        clear(self._grid)
        columns = self._columns_shown = self._columns()
        for at, card in enumerate(cards):
            self._grid.addWidget(self._adapter(card), at // columns, at % columns)
        for at in range(2):
            self._grid.setColumnStretch(at, 1 if at < columns else 0)
        if not cards:
            empty = EmptyState(
                icon="library",
                title="No adapters yet",
                text="A training puts its adapter here when it is done.",
            )
            self._grid.addWidget(empty, 0, 0, 1, 2)

    def _adapter(self, card: AdapterCard) -> QWidget:
        tip = f"{card.name}, trained on {card.base}. Open it in the library."
        box = ChoiceCard(name=f"Adapter {card.name}: {card.gain}", tip=tip)
        gain = Badge(card.gain, card.tone, tip=card.gain_tip)
        talk = GhostButton(
            "Chat", tip=f"Ask {card.name} and its base the same thing", compact=True
        )
        talk.setAccessibleName(f"Chat with {card.name}")
        talk.clicked.connect(self._going("chat", card.adapter_id))
        name = ElidedLabel(card.name, "strong")
        box.body.addLayout(row(grow(name), talk))
        box.body.addWidget(ElidedLabel(f"{card.base}  ·  {card.when}", "caption"))
        box.body.addLayout(row(gain, STRETCH))
        box.picked.connect(self._going("library", card.adapter_id))
        return box

    def _show_meters(self, meters: Sequence[MeterView]) -> None:
        self._machine.setVisible(bool(meters))
        for widget, meter in zip(self._meters, meters, strict=False):
            widget.show_value(
                meter.name, meter.words, fraction=meter.fraction, tip=meter.tip
            )

    def _going(self, page: str, argument: str | None) -> Callable[[], None]:
        return lambda: self.requested.emit(page, argument)


class _RunRow(QWidget):
    """One run at work."""

    def __init__(self, card: RunCard, go: Callable[[], None]) -> None:
        super().__init__()
        self._name = ElidedLabel(card.name, "strong")
        self._badge = Badge()
        self._detail = ElidedLabel("", "muted")
        self._spark = Sparkline(name=f"Loss of {card.name}")
        self._bar = ThinBar()
        button = SecondaryButton("Open", tip=f"Watch {card.name}")
        button.setAccessibleName(f"Open {card.name}")
        button.clicked.connect(go)
        head = row(grow(self._name), self._badge, spacing=8)
        words = column(head, self._detail, self._bar, spacing=6)
        line = row(spacing=16)
        line.addLayout(words, 1)
        line.addWidget(self._spark)
        line.addWidget(button)
        self.setLayout(line)

    def show_card(self, card: RunCard) -> None:
        """Paint how `card` stands now."""
        self._name.setText(card.name)
        self._badge.show_text(card.badge, card.tone)
        self._detail.setText(card.detail)
        self._bar.setVisible(card.fraction is not None)
        self._bar.show_fraction(card.fraction)
        self._spark.show_values(card.spark)
