"""The buttons that steer one run; which are there follows from its state."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from app.training.present import RunView
from app.training.run_viewmodel import RunViewModel
from app.widgets.buttons import IconButton, PrimaryButton, SecondaryButton
from app.widgets.layout import row


class RunButtons(QWidget):
    """Pause, resume, stop, save, talk to it, use it again, delete it.

    Signals:
        folder_wanted (): open the run's folder in the desktop's file browser.
        discard_wanted (): stop and discard; to be asked once before.
    """

    folder_wanted = Signal()
    discard_wanted = Signal()

    def __init__(self, model: RunViewModel, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.save = SecondaryButton(
            "Save now", tip="Writes a checkpoint after this step.", icon="save"
        )
        self.stop = SecondaryButton("Stop", tip="End this run for good.", icon="stop")
        self.pause = PrimaryButton(
            "Pause",
            tip="Finishes the step, saves everything and frees the device. Resume"
            " goes on exactly here.",
            icon="pause",
        )
        self.resume = PrimaryButton(
            "Resume", tip="Goes on from the last checkpoint.", icon="play"
        )
        self.again = SecondaryButton(
            "Use settings again",
            tip="Opens the Train page with this run's plan.",
            icon="redo",
        )
        self.chat = PrimaryButton(
            "Try in chat",
            tip="Opens the chat with the base beside this adapter.",
            icon="chat",
        )
        self.more = IconButton("more", name="More for this run")
        self._fill_menus()
        for button, slot in (
            (self.save, model.save),
            (self.pause, model.pause),
            (self.resume, model.resume),
            (self.chat, model.try_in_chat),
        ):
            button.clicked.connect(slot)
        self.again.clicked.connect(self._use_again)
        self.keep.triggered.connect(model.stop)
        self.discard.triggered.connect(self.discard_wanted)
        self.folder.triggered.connect(self.folder_wanted)
        self.delete.triggered.connect(model.delete)
        self._model = model
        buttons = (
            self.save, self.again, self.stop, self.pause, self.resume, self.chat,
            self.more,
        )  # fmt: skip
        self.setLayout(row(*buttons))

    def _fill_menus(self) -> None:
        self.keep = QAction("Stop and keep the adapter", self)
        self.discard = QAction("Stop and discard…", self)
        stop_menu = QMenu("How to stop", self)
        stop_menu.addActions([self.keep, self.discard])
        self.stop.setMenu(stop_menu)
        self.folder = QAction("Open folder", self)
        self.delete = QAction("Move to trash", self)
        more_menu = QMenu("More for this run", self)
        more_menu.addActions([self.folder, self.delete])
        self.more.setMenu(more_menu)
        self.more.setPopupMode(IconButton.ToolButtonPopupMode.InstantPopup)

    def render_view(self, view: RunView) -> None:
        """Offer what can be done now."""
        self.save.setVisible(view.is_live)
        self.save.setEnabled(view.can_save)
        self.pause.setVisible(view.is_live)
        self.pause.setEnabled(view.can_pause)
        self.resume.setVisible(view.can_resume)
        self.stop.setVisible(view.can_stop)
        self.again.setVisible(not view.is_live)
        self.chat.setVisible(view.can_chat)
        self.delete.setEnabled(view.can_delete)

    @Slot()
    def _use_again(self) -> None:
        self._model.use_plan()
