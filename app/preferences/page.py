"""Settings: one column of cards."""

from __future__ import annotations

import os

from PySide6.QtCore import QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication, QShowEvent
from PySide6.QtWidgets import QMessageBox, QVBoxLayout, QWidget

from app.hub_token import Kept, system_keyring
from app.preferences.disk import empty_trash, folder_sizes
from app.preferences.present import PreferencesView
from app.preferences.sections import (
    AppearanceCard,
    DeviceCard,
    DoctorCard,
    FoldersCard,
    HubCard,
)
from app.preferences.viewmodel import PreferencesPorts, PreferencesViewModel
from app.services import Services
from app.widgets.layout import STRETCH, tab_as_laid_out
from app.widgets.notice import Notice
from app.widgets.page import Page, PageBody, PageHeader
from core.hardware.doctor import examine


class PreferencesPage(Page):
    """Paints `PreferencesView`s."""

    def __init__(self, model: PreferencesViewModel) -> None:
        super().__init__()
        self._model = model
        self._notice = Notice(closable=True)
        self._appearance = AppearanceCard()
        self._appearance.appearance_picked.connect(model.set_appearance)
        self._appearance.scale_picked.connect(model.set_text_scale)
        self._device = DeviceCard()
        self._device.picked.connect(model.set_device)
        self._hub = HubCard()
        self._hub.kept.connect(model.keep_token)
        self._hub.forgotten.connect(model.forget_token)
        self._hub.offline_changed.connect(model.set_offline)
        self._folders = FoldersCard()
        self._folders.opened.connect(self._on_open)
        self._folders.emptied.connect(self._on_empty)
        self._doctor = DoctorCard()
        self._doctor.again.connect(model.examine)
        self._doctor.copied.connect(self._on_copy)
        self._cards: dict[str, QWidget] = {
            "appearance": self._appearance,
            "device": self._device,
            "hub": self._hub,
            "folders": self._folders,
            "doctor": self._doctor,
        }
        self._lay_out()
        model.changed.connect(self.render_view)
        self.render_view(model.view)

    def _lay_out(self) -> None:
        self._body = PageBody(
            PageHeader("Settings", "Kept on this computer alone"),
            self._notice,
            widest=860,
            name="Settings",
        )
        self._body.column.setSpacing(16)
        for card in self._cards.values():
            self._body.add(card)
        self._body.add(STRETCH)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.addWidget(self._body)

    def showEvent(self, event: QShowEvent) -> None:
        """Look again whenever the page comes into view."""
        super().showEvent(event)
        self._model.wake()

    def open_with(self, argument: object) -> None:
        """Scroll to a card: appearance, device, hub, folders or doctor."""
        card = self._cards.get(str(argument))
        if card is not None:
            self._body.verticalScrollBar().setValue(max(0, card.y() - 24))

    @Slot(object)
    def render_view(self, view: PreferencesView) -> None:
        """Paint `view`. The only place that writes to these widgets."""
        title, text = view.failure
        if title:
            self._notice.show_notice("bad", title, text)
        else:
            self._notice.clear()
        self._appearance.render_view(view)
        self._device.render_view(view)
        self._hub.render_view(view)
        self._folders.render_view(view)
        self._doctor.render_view(view)
        tab_as_laid_out(self._body)  # folders and findings are made as they are found

    @Slot(str)
    def _on_open(self, folder: str) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(folder))

    @Slot(str)
    def _on_copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)

    @Slot()
    def _on_empty(self) -> None:
        asked = QMessageBox(
            QMessageBox.Icon.Warning,
            "Empty the trash",
            f"{self._model.view.trash_text} These adapters and models cannot be"
            " restored afterwards.",
            QMessageBox.StandardButton.Cancel,
            self,
        )
        empty = asked.addButton("Empty the trash", QMessageBox.ButtonRole.AcceptRole)
        asked.setDefaultButton(QMessageBox.StandardButton.Cancel)
        asked.exec()
        if asked.clickedButton() is empty:
            self._model.empty_trash()


def build(services: Services) -> Page:
    """Return the page, standing on the real functions."""
    places, token = services.places, services.token

    def where() -> tuple[Kept, bool]:
        token.use(system_keyring())
        return token.where(), token.has_keyring

    ports = PreferencesPorts(
        places=places,
        examine=lambda: examine(places),
        sizes=lambda: folder_sizes(places),
        empty_trash=lambda: empty_trash(places),
        token_where=where,
        keep_token=token.keep,
        forget_token=token.forget,
        use_device=services.use_device,
        offline_by_environment=os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"),
        restyle=services.restyle,
    )
    return PreferencesPage(
        PreferencesViewModel(ports, services.settings, services.navigator)
    )
