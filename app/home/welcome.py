"""The first start: what will happen in three pictures, and one button."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.home.present import HomeView
from app.widgets.buttons import PrimaryButton, SecondaryButton
from app.widgets.card import Card
from app.widgets.layout import STRETCH, boxed, column, divider, row
from app.widgets.page import Picture
from app.widgets.progress import ProgressRow
from app.widgets.text import Text

_STEPS = (
    (
        "models",
        "A small model",
        (
            "SmolLM2 with 135 million parameters. It came with Tunesmith, so nothing is"
            " downloaded."
        ),
    ),
    (
        "train",
        "A few minutes of training",
        (
            "It learns one plainly visible habit from the starter data. You watch the"
            " loss fall as it goes."
        ),
    ),
    (
        "chat",
        "Before and after",
        "The base model and your adapter answer the same question, side by side.",
    ),
)


class Welcome(QWidget):
    """The card of the first start.

    Signals:
        demo_requested (): train the first adapter.
        cancelled (): end the preparation.
        train_requested (): set up something of one's own.
    """

    demo_requested = Signal()
    cancelled = Signal()
    train_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        card = Card(padding=32)
        title = Text("Train your first adapter in a few minutes, offline", "title")
        title.setWordWrap(True)
        text = Text(
            "One button shows the whole way, from a model and data to an adapter you"
            " can talk to. It works on a processor alone and needs no account.",
            "muted",
            wrap=True,
        )
        self.demo_button = PrimaryButton(
            "Train my first adapter",
            tip="Trains the starter model on the starter data and shows the run. You"
            " can pause or stop it at any time.",
            icon="play",
        )
        self.demo_button.clicked.connect(self.demo_requested)
        own = SecondaryButton(
            "Set up my own training",
            tip="Pick a model and data yourself, in five steps",
        )
        own.clicked.connect(self.train_requested)
        self._progress = ProgressRow()
        self._progress.cancelled.connect(self.cancelled)
        steps = QHBoxLayout()
        steps.setSpacing(32)
        for icon, name, words in _STEPS:
            steps.addWidget(boxed(_step(icon, name, words)), 1)
        card.body.setSpacing(20)
        card.add(boxed(column(title, text, spacing=8)))
        card.body.addLayout(row(self.demo_button, own, STRETCH, spacing=12))
        card.add(self._progress)
        card.add(divider())
        card.body.addLayout(steps)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.addWidget(card, 0, Qt.AlignmentFlag.AlignTop)

    def render_view(self, view: HomeView) -> None:
        """Paint how far the preparation is."""
        self.demo_button.setEnabled(view.can_start_demo)
        self._progress.setVisible(bool(view.demo_what))
        self._progress.show_progress(
            view.demo_what, fraction=view.demo_fraction, detail=view.demo_detail
        )


def _step(icon: str, name: str, words: str) -> QVBoxLayout:
    picture = row(Picture(icon, size=48), STRETCH)
    return column(
        picture, 4, Text(name, "strong"), Text(words, "muted", wrap=True), STRETCH
    )
