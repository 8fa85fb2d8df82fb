"""The cards of Settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QVBoxLayout, QWidget

from app.preferences.present import Finding, FolderRow, PreferencesView
from app.widgets.badge import Badge
from app.widgets.buttons import GhostButton, SecondaryButton
from app.widgets.card import Card
from app.widgets.expander import Expander
from app.widgets.fields import Choice, Segmented
from app.widgets.layout import STRETCH, boxed, clear, column, divider, row
from app.widgets.notice import Action, Notice
from app.widgets.tables import KeyValueTable
from app.widgets.text import ElidedLabel, Text, plain_tip


def _line(name: str, text: str, control: QWidget) -> QWidget:
    """Return a setting: its name and a sentence left, the control right."""
    words = column(Text(name, "strong"), Text(text, "muted", wrap=True), spacing=2)
    line = row(spacing=24)
    line.addLayout(words, 1)
    line.addWidget(control, 0, Qt.AlignmentFlag.AlignVCenter)
    return boxed(line)


class AppearanceCard(Card):
    """Light or dark, and how large text is.

    Signals:
        appearance_picked (str): system, light or dark.
        scale_picked (str): percent.
    """

    appearance_picked = Signal(str)
    scale_picked = Signal(str)

    def __init__(self) -> None:
        super().__init__("Appearance")
        self._theme = Segmented(
            (("system", "System"), ("light", "Light"), ("dark", "Dark")),
            name="Appearance",
            tips=(
                "Follow the desktop",
                "Dark words on a light ground",
                "Light words on a dark ground",
            ),
        )
        self._theme.picked.connect(self.appearance_picked)
        self._scale = Choice(name="Text size", tip="Larger text, in every page")
        self._scale.picked.connect(self.scale_picked)
        self.add(
            _line("Theme", "System follows the desktop as it changes.", self._theme)
        )
        self.add(divider())
        self.add(_line("Text size", "On top of the desktop's own scale.", self._scale))

    def render_view(self, view: PreferencesView) -> None:
        """Paint `view`."""
        self._theme.set_key(view.appearance)
        if self._scale.count() == 0:
            self._scale.set_options(view.text_scales)
        self._scale.set_key(view.text_scale)


class DeviceCard(Card):
    """What new runs and chats compute on.

    Signals:
        picked (str): auto, cpu, or a GPU's index.
    """

    picked = Signal(str)

    def __init__(self) -> None:
        super().__init__("Device")
        self._choice = Choice(name="Device", tip="What new runs and chats compute on")
        self._choice.setMinimumWidth(320)
        self._choice.picked.connect(self.picked)
        self._text = Text("", "muted", wrap=True)
        self._options: tuple[tuple[str, str], ...] = ()
        self.body.addLayout(row(self._choice, STRETCH))
        self.add(self._text)

    def render_view(self, view: PreferencesView) -> None:
        """Paint `view`."""
        if view.devices != self._options:
            self._options = view.devices
            self._choice.set_options(view.devices)
        self._choice.set_key(view.device)
        self._text.setText(view.device_text)


class HubCard(Card):
    """The network: offline or not, and the Hugging Face token.

    Signals:
        kept (str): keep this token.
        forgotten (): forget the token.
        offline_changed (bool): make no network call, or allow them.
    """

    kept = Signal(str)
    forgotten = Signal()
    offline_changed = Signal(bool)

    def __init__(self) -> None:
        super().__init__("Network and Hugging Face")
        self._offline = QCheckBox("Work offline")
        self._offline.setToolTip(plain_tip("No network call at all is made"))
        self._offline.toggled.connect(self.offline_changed)
        self._offline_text = Text("", "muted", wrap=True)
        self._badge = Badge()
        self._token_text = Text("", "muted", wrap=True)
        self._field = QLineEdit()
        self._field.setEchoMode(QLineEdit.EchoMode.Password)
        self._field.setPlaceholderText("hf_…")
        self._field.setAccessibleName("Hugging Face token")
        self._field.setToolTip(
            plain_tip(
                "Paste a token from huggingface.co. It is never written to a file."
            )
        )
        self._field.returnPressed.connect(self._on_keep)
        self._keep = SecondaryButton("Keep it", tip="Keep this token")
        self._keep.clicked.connect(self._on_keep)
        self._forget = GhostButton("Forget it", tip="Delete the token from the keyring")
        self._forget.clicked.connect(self.forgotten)
        self.add(boxed(column(self._offline, self._offline_text, spacing=2)))
        self.add(divider())
        self.body.addLayout(
            row(Text("Hugging Face token", "strong"), self._badge, STRETCH)
        )
        self.add(self._token_text)
        self.body.addLayout(row(self._field, self._keep, self._forget))

    def render_view(self, view: PreferencesView) -> None:
        """Paint `view`."""
        with QSignalBlocker(self._offline):
            self._offline.setChecked(view.offline)
        self._offline.setEnabled(not view.offline_locked)
        self._offline_text.setText(view.offline_text)
        self._badge.show_text(view.token_badge, view.token_tone)
        self._token_text.setText(view.token_text)
        self._forget.setVisible(view.can_forget_token)

    def _on_keep(self) -> None:
        text = self._field.text().strip()
        if text:
            self._field.clear()
            self.kept.emit(text)


class FoldersCard(Card):
    """Where things are, how large they are, and the trash.

    Signals:
        opened (str): show this folder in the file manager.
        emptied (): delete for good what is in the trash.
    """

    opened = Signal(str)
    emptied = Signal()

    def __init__(self) -> None:
        super().__init__(
            "Folders",
            subtitle="Another place: start with --home FOLDER, or set TUNESMITH_HOME.",
        )
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setColumnStretch(1, 1)
        self.body.addLayout(self._grid)
        self._sizes: list[Text] = []
        self._trash = Text("")
        self._empty = SecondaryButton(
            "Empty the trash", tip="Delete for good what is in it", icon="trash"
        )
        self._empty.clicked.connect(self.emptied)
        self.add(divider())
        self.body.addLayout(row(self._trash, STRETCH, self._empty, spacing=16))

    def render_view(self, view: PreferencesView) -> None:
        """Paint `view`."""
        if not self._sizes:
            for at, folder in enumerate(view.folders):
                self._add(at, folder)
        for label, folder in zip(self._sizes, view.folders, strict=True):
            label.setText(folder.size)
        self._trash.setText(view.trash_text)
        self._empty.setEnabled(view.can_empty_trash)

    def _add(self, at: int, folder: FolderRow) -> None:
        name = Text(folder.name, "strong")
        name.setToolTip(plain_tip(folder.tip))
        path = ElidedLabel(folder.path, "muted", elide=Qt.TextElideMode.ElideMiddle)
        size = Text(folder.size, "muted")
        button = SecondaryButton("Open", tip=f"Show {folder.path}")
        button.setAccessibleName(f"Open the folder {folder.name}")
        button.clicked.connect(self._opening(folder.path))
        self._grid.addWidget(name, at, 0)
        self._grid.addWidget(path, at, 1)
        self._grid.addWidget(size, at, 2, Qt.AlignmentFlag.AlignRight)
        self._grid.addWidget(button, at, 3)
        self._sizes.append(size)

    def _opening(self, path: str) -> Callable[[], None]:
        return lambda: self.opened.emit(path)


class DoctorCard(Card):
    """What is wrong with this machine, each fault with its fix.

    Signals:
        again (): examine once more.
        copied (str): put this on the clipboard.
    """

    again = Signal()
    copied = Signal(str)

    def __init__(self) -> None:
        super().__init__("Doctor")
        self._verdict = Badge("…")
        self._again = SecondaryButton(
            "Examine again",
            tip="Look at device, driver, packages and disk",
            icon="refresh",
        )
        self._again.clicked.connect(self.again)
        self._copy = GhostButton(
            "Copy report",
            tip="The whole report, without your name, to ask for help with",
        )
        self._copy.clicked.connect(self._on_copy)
        self._findings = QVBoxLayout()
        self._findings.setSpacing(8)
        self._shown: tuple[Finding, ...] = ()
        self._facts = KeyValueTable()
        facts = Expander("What is installed", tip="Device, driver, packages, disk")
        facts.body.addWidget(self._facts)
        self._report = ""
        self.body.addLayout(row(self._verdict, STRETCH, self._copy, self._again))
        self.body.addLayout(self._findings)
        self.add(facts)

    def render_view(self, view: PreferencesView) -> None:
        """Paint `view`."""
        self._verdict.show_text(view.doctor_title, view.doctor_tone)
        self._again.setEnabled(not view.is_examining)
        self._report = view.report_text
        self._copy.setEnabled(bool(view.report_text))
        self._facts.show_rows(view.facts)
        if view.findings != self._shown:
            self._shown = view.findings
            self._show(view.findings)

    def _show(self, findings: Sequence[Finding]) -> None:
        clear(self._findings)
        for finding in findings:
            notice = Notice()
            ways: tuple[Action, ...] = ()
            if finding.command:
                ways = (
                    Action(
                        text="Copy command",
                        run=self._copying(finding.command),
                        tip=f"Copy: {finding.command}",
                    ),
                )
            notice.show_notice(finding.tone, finding.title, finding.fix, actions=ways)
            self._findings.addWidget(notice)

    def _copying(self, command: str) -> Callable[[], None]:
        return lambda: self.copied.emit(command)

    def _on_copy(self) -> None:
        self.copied.emit(self._report)
