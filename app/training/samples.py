"""What the model answered to one held-out prompt as it learnt, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.widgets.layout import clear, column, divider
from app.widgets.tables import SideBySide
from app.widgets.text import Text
from core.runs.events import Sample

_MOST_SHOWN: Final = 12
_LONGEST: Final = 1200


class SamplesView(QWidget):
    """The last dozen samples; built again only when there is another."""

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[Sample, ...] | None = None
        self._lines = QVBoxLayout()
        self._lines.setSpacing(16)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self.setLayout(column(self._lines))
        self.show_samples(())

    def show_samples(self, samples: Sequence[Sample]) -> None:
        """Show `samples`, the newest first."""
        wanted = tuple(samples[:_MOST_SHOWN])
        if wanted == self._shown:
            return
        self._shown = wanted
        clear(self._lines)
        if not wanted:
            words = "Samples appear while it trains: the answer to a held-out prompt."
            self._lines.addWidget(Text(words, "muted", wrap=True))
        for at, sample in enumerate(wanted):
            if at:
                self._lines.addWidget(divider())
            self._lines.addWidget(_made(sample))


def _made(sample: Sample) -> QWidget:
    texts = SideBySide()
    columns = [
        ("Prompt", _short(sample.prompt)),
        ("Its answer", _short(sample.text)),
    ]
    if sample.expected:
        columns.append(("Answer in the data", _short(sample.expected)))
    texts.show_texts(columns)
    whole = QWidget()
    step = "Before training" if sample.step == 0 else f"Step {sample.step}"
    whole.setLayout(column(Text(step, "strong"), texts, spacing=8))
    return whole


def _short(text: str) -> str:
    kept = text.strip()
    return kept if len(kept) <= _LONGEST else f"{kept[:_LONGEST]} …"
