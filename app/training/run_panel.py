"""The page of one run: how it goes, its charts, and everything one can do to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QRectF, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QPainter, QPaintEvent
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from app import theme
from app.theme import Tone
from app.training.charts import RunCharts
from app.training.memory_card import MemoryCard
from app.training.present import FailureView, RunView
from app.training.run_viewmodel import RunViewModel
from app.training.samples import SamplesView
from app.training.steering import RunButtons
from app.widgets.badge import Badge, Shape, paint_shape
from app.widgets.buttons import GhostButton
from app.widgets.card import Card
from app.widgets.layout import STRETCH, FlowLayout, boxed, column, grow, row
from app.widgets.log_tail import LogTail
from app.widgets.notice import Action, Notice
from app.widgets.page import PageBody
from app.widgets.progress import ProgressRow
from app.widgets.tables import KeyValueTable
from app.widgets.text import ElidedLabel, Text
from core.errors import TunesmithError
from core.plan.plan import Plan


class RunPanel(QWidget):
    """Paints `RunView`s and passes clicks to the view-model.

    Signals:
        left (): the person wants to see the list.
    """

    left = Signal()

    def __init__(self, model: RunViewModel, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._run_id = ""
        self._failure: FailureView | None = None
        self._view: RunView | None = None
        self._make_head()
        self.failure = Notice()
        self.question = Notice(closable=True)
        self.problem = Notice(closable=True)
        self.warnings = Notice(closable=True)
        self.headline = Text("", "heading", wrap=True)
        self.mark = _ToneMark()
        self.progress = ProgressRow("Progress", can_cancel=False)
        self._figures = [(Text("", "caption"), Text("", "figure")) for _ in range(6)]
        self.charts = RunCharts()
        self.memory = MemoryCard()
        self._make_tabs()
        body = PageBody(
            self._head,
            column(self.failure, self.question, self.problem, self.warnings),
            self._summary_card(),
            self.charts,
            self.memory,
            self._tab_card(),
            name="Run",
        )
        body.column.setSpacing(16)
        body.column.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(body)
        body.verticalScrollBar().valueChanged.connect(self.charts.draw_soon)
        self._body = body
        model.changed.connect(self.render_view)
        model.log_grew.connect(self.log.append_text)
        model.failed.connect(self._on_failed)

    def _make_head(self) -> None:
        self.back = GhostButton(
            "All runs", tip="Back to the list (Esc).", icon="left", compact=True
        )
        self.back.clicked.connect(self.left)
        self.title = ElidedLabel("", "title")
        self.badge = Badge()
        self.subtitle = ElidedLabel("", "muted")
        self.buttons = RunButtons(self._model)
        self.buttons.folder_wanted.connect(self._open_folder)
        self.buttons.discard_wanted.connect(self._ask_discard)
        # The name has a line to itself: a model's and its data's are seldom short.
        self._head = boxed(
            column(
                row(self.back, STRETCH, self.buttons),
                row(grow(self.title), self.badge, spacing=16),
                self.subtitle,
                spacing=6,
            )
        )

    def _summary_card(self) -> Card:
        card = Card()
        line = row(spacing=12)
        line.addWidget(self.mark, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self.headline, 1)
        card.body.addLayout(line)
        card.add(self.progress)
        figures = FlowLayout(spacing=28)
        for label, value in self._figures:
            figures.addWidget(boxed(column(label, value, spacing=2)))
        card.add(boxed(figures))
        return card

    def _make_tabs(self) -> None:
        self.samples = SamplesView()
        self.log = LogTail(name="The engine's log")
        self.log.setMinimumHeight(280)
        self.settings = KeyValueTable(columns=2)
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("More about this run")
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(boxed(column(self.samples, margins=16)), "Samples")
        self.tabs.addTab(boxed(column(self.log, margins=16)), "Log")
        settings = column(self.settings, STRETCH, margins=16)
        self.tabs.addTab(boxed(settings), "Settings")
        self.tabs.currentChanged.connect(self._on_tab)

    def _tab_card(self) -> Card:
        card = Card(padding=12)
        card.add(self.tabs)
        return card

    @Slot(object)
    def render_view(self, view: RunView) -> None:
        """Paint `view`. The only place that writes to these widgets."""
        if view.run_id != self._run_id:
            self._begin(view)
        self._view = view
        self.title.setText(view.title)
        self.subtitle.setText(view.subtitle)
        look = view.look
        self.badge.show_text(look.text, look.tone, shape=look.shape, tip=look.tip)
        self.buttons.render_view(view)
        self.headline.setText(view.headline)
        self.mark.show_tone(view.headline_tone)
        self.progress.setVisible(view.is_live or view.can_resume)
        self.progress.show_progress(
            view.activity, fraction=view.progress, detail=view.progress_text
        )
        for (label, value), figure in zip(self._figures, view.figures, strict=True):
            label.setText(figure.label)
            value.setText(figure.value)
            value.setToolTip(figure.tip)
            value.setAccessibleName(f"{figure.label}: {figure.value}")
        self._render_notices(view)
        self.charts.show_curves(view.curves, predicted_memory=view.predicted_memory)
        self.memory.show_memory(view.memory)
        self.samples.show_samples(view.samples)

    def _begin(self, view: RunView) -> None:
        """Forget what was shown of another run."""
        self._run_id = view.run_id
        self._failure = None
        for notice in (self.failure, self.question, self.problem, self.warnings):
            notice.clear()
        self.log.show_text("")
        self.settings.show_rows(view.plan_rows)
        self._body.verticalScrollBar().setValue(0)
        self._on_tab(self.tabs.currentIndex())

    def _render_notices(self, view: RunView) -> None:
        if not view.can_stop:
            self.question.clear()
        if view.failure != self._failure:
            self._failure = view.failure
            self._render_failure(view)
        if view.warnings:
            text = "\n".join(view.warnings[:-1])
            if self.warnings.words != (view.warnings[-1], text):
                self.warnings.show_notice("warn", view.warnings[-1], text)

    def _render_failure(self, view: RunView) -> None:
        failure = view.failure
        if failure is None:
            self.failure.clear()
            return
        actions = [
            Action(
                text=remedy.text,
                run=_opening(self._model, remedy.plan),
                tip=f"{remedy.tip} Opens the plan in Train.",
            )
            for remedy in failure.remedies
        ]
        if view.can_resume:
            tip = "Goes on from the last checkpoint."
            actions.append(Action(text="Resume", run=self._model.resume, tip=tip))
        tip = "Shows what the engine wrote, at the foot of this page."
        actions.append(Action(text="Show log", run=self._show_log, tip=tip))
        tone = "warn" if view.look.tone == "warn" else "bad"
        self.failure.show_notice(tone, failure.title, failure.text, actions=actions)

    def _show_log(self) -> None:
        self.tabs.setCurrentIndex(1)
        bar = self._body.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _ask_discard(self) -> None:
        if self._view is None:
            return
        self.question.show_notice(
            "bad",
            "Stop and discard this run?",
            self._view.discard_loses,
            actions=(
                Action(text="Discard it", run=self._discard),
                Action(text="Keep it", run=self.question.clear),
            ),
        )

    def _discard(self) -> None:
        self.question.clear()
        self._model.discard()

    @Slot(object)
    def _on_failed(self, error: TunesmithError) -> None:
        self.problem.show_notice("bad", error.message, error.hint)

    @Slot(int)
    def _on_tab(self, at: int) -> None:
        self._model.watch_log(self.tabs.tabText(at) == "Log")

    def _open_folder(self) -> None:
        folder: Path | None = self._model.folder
        if folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


class _ToneMark(QWidget):
    """How glad to be of the headline, as a shape in a colour."""

    _SHAPES: Final[dict[Tone, Shape]] = {
        "good": "check", "warn": "triangle", "bad": "cross",
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._tone: Tone = "neutral"
        self.setFixedSize(theme.px(20), theme.px(24))
        self.hide()

    def show_tone(self, tone: Tone) -> None:
        """Show `tone`; what is neither good nor bad has no mark."""
        self._tone = tone
        self.setVisible(tone in self._SHAPES)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the shape in the theme's colours of now."""
        del event
        size = theme.px(14)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(1, (self.height() - size) / 2, size, size)
        mark = theme.current().tone(self._tone).mark
        paint_shape(painter, self._SHAPES.get(self._tone, "none"), box, mark)
        painter.end()


def _opening(model: RunViewModel, plan: Plan) -> Callable[[], None]:
    def use() -> None:
        model.use_plan(plan)

    return use
