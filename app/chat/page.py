"""The Chat page: one prompt, answered by the base and its adapters side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, cast

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from app import theme
from app.chat.composer import Composer
from app.chat.conversation import Conversation
from app.chat.side_panel import SidePanel
from app.chat.viewmodel import ChatPorts, ChatViewModel
from app.chat.views import AnswerView, Busy, ChatView, NoticeAction
from app.glance import DeviceGlance
from app.services import RunGlance, Services
from app.widgets.buttons import SecondaryButton
from app.widgets.document import SafeText
from app.widgets.layout import boxed, column
from app.widgets.notice import Action, Notice
from app.widgets.page import EmptyState, Page, PageHeader
from app.widgets.progress import ProgressRow
from app.widgets.text import Text
from core.errors import TunesmithError

_LEAST_TALK_WIDTH: Final = 440


def build(services: Services) -> ChatPage:
    """Return the page with a view-model of its own."""
    ports = ChatPorts(
        places=services.places,
        navigator=services.navigator,
        lease=services.lease,
        busy=_busy_reader(services),
        has_gpu=lambda: _has_gpu(services),
    )
    model = ChatViewModel(ports)
    services.pulse.runs_changed.connect(model.on_runs_changed)
    services.launcher.started.connect(model.on_run_started)
    page = ChatPage(model)
    model.setParent(page)
    return page


def _has_gpu(services: Services) -> bool:
    device = services.pulse.device
    return isinstance(device, DeviceGlance) and device.is_gpu


def _busy_reader(services: Services) -> Callable[[], Busy | None]:
    def busy() -> Busy | None:
        for glance in cast("Iterable[object]", services.pulse.runs or ()):
            if isinstance(glance, RunGlance) and glance.status == "running":
                return Busy(
                    run_id=glance.run_id,
                    name=glance.name,
                    is_on_gpu=_has_gpu(services),
                )
        return None

    return busy


class ChatPage(Page):
    """Paints what `ChatViewModel` publishes and passes clicks to it."""

    def __init__(self, model: ChatViewModel, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._notice_shown: object = None
        self._panel_wanted: bool | None = None
        """What the person chose; None: as there is room."""
        self._make_header()
        self.notice = Notice()
        self.problem = Notice(closable=True)
        self.empty = EmptyState(icon="chat", title="Looking for models…")
        self.conversation = Conversation()
        self.conversation.prompt_wanted.connect(self._show_exact)
        self._middle = QStackedLayout()
        self._middle.addWidget(self.empty)
        self._middle.addWidget(self.conversation)
        self.loading = ProgressRow("Loading")
        self.loading.cancelled.connect(model.unload)
        self.composer = Composer()
        self.composer.sent.connect(self._on_sent)
        self.composer.stopped.connect(model.stop)
        self.composer.redo_wanted.connect(model.redo)
        self.composer.edit_wanted.connect(model.edit_last)
        self.side = SidePanel(model)
        theme.keep_size(self.side, width=340)
        self._lay_out()
        model.changed.connect(self.render_view)
        model.draft_wanted.connect(self.composer.put_back)
        model.failed.connect(self._on_failed)
        model.publish()

    def _make_header(self) -> None:
        self.new = SecondaryButton(
            "New chat", tip="Clears the conversation; Undo brings it back.", icon="plus"
        )
        self.new.clicked.connect(self._model.begin_anew)
        self.save = SecondaryButton(
            "Save", tip="As text, or as data to train on.", icon="save"
        )
        self._save_menu = QMenu("Save the conversation", self)
        self._save_menu.aboutToShow.connect(self._fill_save_menu)
        self.save.setMenu(self._save_menu)
        self.panel_button = SecondaryButton(
            "Voices", tip="Shows or hides who answers and how.", icon="settings"
        )
        self.panel_button.setCheckable(True)
        self.panel_button.setChecked(True)
        self.panel_button.clicked.connect(self._on_panel)
        self.header = PageHeader(
            "Chat", actions=(self.new, self.save, self.panel_button)
        )

    def _lay_out(self) -> None:
        head = column(self.header, self.notice, self.problem, spacing=12)
        head.setContentsMargins(32, 28, 24, 8)
        left = column(boxed(head), spacing=0)
        left.addLayout(self._middle, 1)
        loading = column(self.loading)
        loading.setContentsMargins(32, 0, 24, 4)
        left.addLayout(loading)
        left.addWidget(self.composer)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(left, 1)
        whole.addWidget(self.side)

    def open_with(self, argument: object) -> None:
        """Put the base beside the adapter with this id."""
        if isinstance(argument, str) and argument:
            self._model.talk_to(argument)

    def shut_down(self) -> None:
        """End the chat's engine."""
        self._model.shut_down()

    @Slot(object)
    def render_view(self, view: ChatView) -> None:
        """Paint `view`. The only place that writes to these widgets."""
        self.side.render_view(view)
        self.composer.render_view(view)
        self.new.setEnabled(view.can_take_back)
        self.save.setEnabled(view.can_save)
        self.loading.setVisible(view.is_loading)
        self.loading.show_progress(view.loading_what, fraction=view.loading_fraction)
        self._render_notice(view)
        self.empty.set_text(view.empty_title, view.empty_text)
        self.conversation.show_turns(view.turns)
        self._middle.setCurrentIndex(1 if view.turns else 0)

    def _render_notice(self, view: ChatView) -> None:
        if view.notice == self._notice_shown:
            return
        self._notice_shown = view.notice
        if view.notice is None:
            self.notice.clear()
            return
        actions = [
            Action(text=words, run=self._doing(action))
            for action, words in view.notice.actions
        ]
        self.notice.show_notice(
            view.notice.tone, view.notice.title, view.notice.text, actions=actions
        )

    def _doing(self, action: NoticeAction) -> Callable[[], None]:
        match action:
            case "load":
                return self._model.load
            case "anyway":
                return self._model.load_anyway
            case "runs":
                return self._model.show_run

    def showEvent(self, event: QShowEvent) -> None:
        """Look for models and adapters again: a training may have ended."""
        super().showEvent(event)
        self._model.refresh()
        self.composer.field.setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the words the room of the panel where it is short."""
        super().resizeEvent(event)
        self._fit_panel()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape stops the answers."""
        if event.key() == Qt.Key.Key_Escape and self.composer.stop.isVisible():
            self._model.stop()
            return
        super().keyPressEvent(event)

    @Slot(str)
    def _on_sent(self, prompt: str) -> None:
        if self._model.send(prompt):
            self.composer.field.clear()

    @Slot(bool)
    def _on_panel(self, shown: bool) -> None:  # noqa: FBT001 - Qt's signal
        self._panel_wanted = shown
        self._fit_panel()

    def _fit_panel(self) -> None:
        """Show the panel if it was asked for, or if the words keep enough room."""
        wanted = self._panel_wanted
        if wanted is None:
            wanted = self.width() - self.side.width() >= theme.px(_LEAST_TALK_WIDTH)
        self.side.setVisible(wanted)
        self.panel_button.setChecked(wanted)

    @Slot()
    def _fill_save_menu(self) -> None:
        self._save_menu.clear()
        self._save_menu.addAction("As text…").triggered.connect(self._save_text)
        for speaker in self._model.transcript.speakers():
            name = speaker.name.replace("&", "&&")
            action = self._save_menu.addAction(f"“{name}” as training data…")
            action.triggered.connect(self._saving(speaker.key))

    def _save_text(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the conversation", "conversation.txt", "Text (*.txt)"
        )
        if path:
            self._model.save_text(Path(path))

    def _saving(self, key: str) -> Callable[[], None]:
        def save() -> None:
            path, _ = QFileDialog.getSaveFileName(
                self, "Save as training data", "conversation.jsonl", "JSONL (*.jsonl)"
            )
            if path:
                self._model.save_training_data(Path(path), key)

        return save

    @Slot(object)
    def _show_exact(self, answer: AnswerView) -> None:
        dialog = QDialog(self)
        dialog.setWindowTitle(f"Exactly what {answer.name} was sent")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.resize(720, 520)
        lines = QVBoxLayout(dialog)
        lines.setContentsMargins(20, 20, 20, 20)
        lines.setSpacing(12)
        said = f"{answer.prompt_tokens} tokens, template and all."
        lines.addWidget(Text(said, "muted"))
        lines.addWidget(
            SafeText(answer.prompt, name="Exact prompt", monospace=True, framed=True)
        )
        dialog.open()

    @Slot(object)
    def _on_failed(self, error: TunesmithError) -> None:
        self.problem.show_notice("bad", error.message, error.hint)
