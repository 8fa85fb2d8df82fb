"""F1: the keys, and what each page answers."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from app import theme
from app.widgets.buttons import PrimaryButton
from app.widgets.layout import STRETCH, divider, row
from app.widgets.page import PageBody
from app.widgets.tables import KeyValueTable
from app.widgets.text import Text

_PAGES: Final[dict[str, tuple[str, str]]] = {
    "home": (
        "Home",
        (
            "What is running, what was made last, and what needs attention. At the first"
            " start one button trains a small adapter, offline, in a few minutes."
        ),
    ),
    "train": (
        "Train",
        (
            "Five steps, in any order: pick a model, give it data, choose LoRA or QLoRA,"
            " see whether it fits, start. The card at the right always says what is chosen."
        ),
    ),
    "runs": (
        "Runs",
        (
            "Every training, with live curves. A run goes on when the window closes and is"
            " found again. Pause frees the device; stop keeps the adapter as it is. At its"
            " end the memory it took stands beside what was predicted, and corrects the"
            " next estimates."
        ),
    ),
    "library": (
        "Library",
        (
            "The adapters you made or brought. Search, star, tag and note them; what you"
            " delete goes to the trash and can be restored."
        ),
    ),
    "chat": (
        "Chat",
        "Ask the base model and your adapters the same thing, side by side.",
    ),
    "models": (
        "Models",
        (
            "The base models on this disk and those you can fetch, and which of them can be"
            " trained on this device."
        ),
    ),
    "fits": (
        "What fits?",
        (
            "Whether any model can be trained on any card, yours or one you think of"
            " buying: memory part by part, how far batch and length can go, every model"
            " by every method. Nothing is downloaded for it."
        ),
    ),
    "settings": (
        "Settings",
        (
            "Appearance, folders, the Hugging Face token, the network, the device, and a"
            " doctor that finds what is wrong with this machine."
        ),
    ),
}

_WORDS: Final = (
    ("Adapter", ("A small set of weights trained on top of a base model that stays as"
     " it is. It is what a training makes.")),
    ("LoRA", "Low-rank adaptation: trains an adapter beside a model held in 16 bit."),
    ("QLoRA", ("The same beside a model held in 4 bit: needs a fraction of the memory,"
     " is slower, loses little.")),
    ("Rank", "How much an adapter can learn. Higher learns more and costs memory."),
    ("Held-out loss", ("How badly the model predicts answers it was never trained on."
     " Lower is better; when it rises again, the model is learning by heart.")),
)  # fmt: skip

_KEYS: Final = (
    ("Ctrl+1 … Ctrl+8", "Go to a page"),
    ("Ctrl+N", "New run"),
    ("Ctrl+K", "Every page and action by name"),
    ("Tab, Shift+Tab", "Next or previous control"),
    ("Space, Enter", "Press the control in focus"),
    ("Esc", "Close what is open"),
    ("F1", "This help"),
)

_SIDE: Final = 28


class HelpDialog(QDialog):
    """What the page in view is for, the words, the keys."""

    def __init__(self, page_key: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Help")
        title, text = _PAGES.get(page_key, _PAGES["home"])
        words = KeyValueTable()
        words.show_rows(_WORDS)
        keys = KeyValueTable()
        keys.show_rows(_KEYS)
        close = PrimaryButton("Close", tip="Close the help (Esc)")
        close.clicked.connect(self.accept)
        self._body = PageBody(
            Text(title, "title"),
            Text(text, "muted", wrap=True),
            divider(),
            Text("Words", "strong"),
            words,
            divider(),
            Text("Keys", "strong"),
            keys,
            STRETCH,
            name="Help",
        )
        self._body.column.setContentsMargins(_SIDE, 24, _SIDE, 0)
        self._body.column.setSpacing(14)
        self._body.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # arrows scroll it
        foot = row(STRETCH, close)
        foot.setContentsMargins(_SIDE, 16, _SIDE, 20)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(0)
        lines.addWidget(self._body, 1)
        lines.addLayout(foot)
        for widget in self.findChildren(QWidget):
            widget.ensurePolished()  # the letters' own size is not known before
        self._take_size(foot.sizeHint().height())
        close.setFocus()

    def _take_size(self, foot: int) -> None:
        """Be as high as the words, unless the screen is lower: then they scroll."""
        screen = self.screen().availableGeometry()
        width = min(theme.px(640), round(screen.width() * 0.9))
        bar = self._body.verticalScrollBar().sizeHint().width()
        content = self._body.widget()
        words = content.heightForWidth(width - bar) if content is not None else 0
        self.resize(width, min(words + foot, round(screen.height() * 0.9)))
