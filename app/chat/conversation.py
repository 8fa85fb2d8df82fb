"""The conversation: prompts, and under each the answers side by side.

Plain text while it streams, Markdown once it is whole: half a code fence would make
the page jump with every token.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.chat.views import AnswerView, TurnView
from app.widgets.buttons import IconButton
from app.widgets.document import MarkdownView
from app.widgets.layout import STRETCH, clear, column, row
from app.widgets.page import PageBody
from app.widgets.text import ElidedLabel, Text


class Conversation(PageBody):
    """Shows turns; follows the newest words unless the reader scrolled up.

    Signals:
        prompt_wanted (AnswerView): show exactly what this voice was sent.
    """

    prompt_wanted = Signal(object)

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(name="Conversation", widest=1400, parent=parent)
        self._turns: list[_TurnBlock] = []
        self._lines = QVBoxLayout()
        self._lines.setSpacing(24)
        self.column.setContentsMargins(32, 16, 24, 16)
        self.add(self._lines)
        self.column.addStretch(1)
        self._follows = True
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(self._on_range)
        bar.valueChanged.connect(self._on_scrolled)

    def show_turns(self, turns: Sequence[TurnView]) -> None:
        """Show `turns`; only what changed is touched."""
        while len(self._turns) > len(turns):
            gone = self._turns.pop()
            self._lines.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        while len(self._turns) < len(turns):
            block = _TurnBlock()
            block.prompt_wanted.connect(self.prompt_wanted)
            self._turns.append(block)
            self._lines.addWidget(block)
            self._follows = True
        for block, turn in zip(self._turns, turns, strict=True):
            block.show_turn(turn)

    def _on_range(self, _least: int, most: int) -> None:
        if self._follows:
            self.verticalScrollBar().setValue(most)

    def _on_scrolled(self, value: int) -> None:
        self._follows = value >= self.verticalScrollBar().maximum() - 24


class _TurnBlock(QWidget):
    """One prompt at the right, its answers in columns below."""

    prompt_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._shown: TurnView | None = None
        self._panes: list[_AnswerPane] = []
        self._keys: tuple[str, ...] = ()
        self._prompt = Text("", wrap=True, selectable=True)
        bubble = QFrame()
        bubble.setProperty("kind", "sunken")
        lines = QVBoxLayout(bubble)
        lines.setContentsMargins(14, 10, 14, 10)
        lines.addWidget(self._prompt)
        bubble.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        head = QHBoxLayout()
        head.addStretch(1)
        head.addWidget(bubble, 3)
        self._columns = QHBoxLayout()
        self._columns.setSpacing(16)
        self.setLayout(column(head, self._columns, spacing=12))

    def show_turn(self, turn: TurnView) -> None:
        """Show `turn`, touching only what changed."""
        if turn == self._shown:
            return
        self._shown = turn
        self._prompt.setText(turn.prompt)
        keys = tuple(answer.key for answer in turn.answers)
        if keys != self._keys:
            self._keys = keys
            clear(self._columns)
            self._panes = [_AnswerPane() for _ in keys]
            for pane in self._panes:
                pane.prompt_wanted.connect(self.prompt_wanted)
                self._columns.addWidget(pane, 1)
        for pane, answer in zip(self._panes, turn.answers, strict=True):
            pane.show_answer(answer)


class _AnswerPane(QFrame):
    """One voice's answer: name, words, figures."""

    prompt_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self._answer: AnswerView | None = None
        self._name = ElidedLabel("", "strong")
        self._plain = Text("", wrap=True, selectable=True)
        self._plain.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._whole = MarkdownView(name="Answer")
        self._problem = Text("", "error", wrap=True, selectable=True)
        self._foot = ElidedLabel("", "caption")
        self._copy = IconButton("copy", name="Copy this answer", size=14)
        self._copy.clicked.connect(self._on_copy)
        self._exact = IconButton(
            "eye", name="Show the exact prompt", tip="Template and all.", size=14
        )
        self._exact.clicked.connect(self._on_exact)
        lines = column(
            self._name, self._plain, self._whole, self._problem, STRETCH, spacing=8
        )
        lines.setContentsMargins(16, 12, 12, 10)
        foot = row(spacing=4)
        foot.addWidget(self._foot, 1)
        foot.addWidget(self._exact)
        foot.addWidget(self._copy)
        lines.addLayout(foot)
        self.setLayout(lines)
        self.setMinimumWidth(140)

    def show_answer(self, answer: AnswerView) -> None:
        """Show `answer`; the same one again costs nothing."""
        if answer == self._answer:
            return
        self._answer = answer
        self._name.setText(answer.name)
        self._plain.setVisible(answer.is_streaming)
        self._whole.setVisible(not answer.is_streaming and bool(answer.text))
        if answer.is_streaming:
            self._plain.setText(answer.text or " ")
        else:
            self._whole.show_text(answer.markdown)
            self._whole.setAccessibleName(f"Answer of {answer.name}")
        self._problem.setVisible(bool(answer.problem))
        self._problem.setText(answer.problem)
        self._foot.setText(answer.foot)
        told = f"{answer.foot}. {answer.foot_tip}" if answer.foot_tip else ""
        self._foot.set_tip(told)
        self._copy.setVisible(bool(answer.text))
        self._exact.setVisible(bool(answer.prompt))

    def _on_copy(self) -> None:
        if self._answer is not None:
            QGuiApplication.clipboard().setText(self._answer.text)

    def _on_exact(self) -> None:
        if self._answer is not None:
            self.prompt_wanted.emit(self._answer)
