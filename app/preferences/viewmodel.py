"""Settings' view-model: changes are saved at once, slow looks happen elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

from PySide6.QtCore import QObject, Signal, Slot

from app.hub_token import Kept, looks_like_token
from app.preferences.present import (
    FolderSizes,
    PreferencesState,
    PreferencesView,
    present,
)
from app.qtwork.background import Background, as_error
from app.qtwork.navigator import Navigator
from app.settings import SettingsStore
from core.errors import RequestError, TunesmithError, WorkFailed
from core.hardware.doctor import Report
from core.places import Places


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencesPorts:
    """The functions Settings needs, bound to one place on disk."""

    places: Places
    examine: Callable[[], Report]
    sizes: Callable[[], FolderSizes]
    empty_trash: Callable[[], int]
    token_where: Callable[[], tuple[Kept, bool]]
    """Where the token is kept, and whether there is a keyring."""
    keep_token: Callable[[str], Kept]
    forget_token: Callable[[], None]
    use_device: Callable[[str], None]
    offline_by_environment: bool
    restyle: Callable[[], None]


class PreferencesViewModel(QObject):
    """Owns `PreferencesState`.

    Signals:
        changed (PreferencesView): what Settings shows now.
    """

    changed = Signal(object)

    def __init__(
        self,
        ports: PreferencesPorts,
        settings: SettingsStore,
        navigator: Navigator,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._ports = ports
        self._settings = settings
        self._navigator = navigator
        self._state = PreferencesState(
            settings=settings.now,
            places=ports.places,
            offline_by_environment=ports.offline_by_environment,
        )
        self._examining = self._asker(self._on_examined)
        self._sizing = self._asker(self._on_sized)
        self._looking = self._asker(self._on_token_known)
        self._keeping = self._asker(self._on_token_changed)
        self._emptying = self._asker(self._on_emptied)

    def _asker(self, answered: Callable[[Any], None]) -> Background:
        made = Background(self)
        made.answered.connect(answered)
        made.failed.connect(self._on_failed)
        return made

    @property
    def view(self) -> PreferencesView:
        """What Settings shows now."""
        return present(self._state)

    @Slot()
    def wake(self) -> None:
        """Look at machine, folders and keyring; called when the page is shown."""
        self._set(settings=self._settings.now)
        self.examine()
        self._sizing.ask(self._ports.sizes)
        self._looking.ask(self._ports.token_where)

    @Slot()
    def examine(self) -> None:
        """Let the doctor look again."""
        self._set(is_examining=True, failure=None)
        self._examining.ask(self._ports.examine)

    def set_appearance(self, appearance: str) -> None:
        """Wear light, dark, or what the system wears."""
        self._change(appearance=appearance)
        self._ports.restyle()

    def set_text_scale(self, percent: str) -> None:
        """Make all text this large."""
        self._change(text_scale_percent=int(percent))
        self._ports.restyle()

    def set_offline(self, offline: bool) -> None:  # noqa: FBT001 - Qt's signal
        """Make no network call, or allow them again."""
        self._change(offline=offline)

    def set_device(self, device: str) -> None:
        """Let new runs and chats use this device."""
        self._change(device=device)
        self._ports.use_device(device)
        self.examine()

    def keep_token(self, token: str) -> None:
        """Keep the Hugging Face token, if it is one."""
        if not looks_like_token(token):
            self._set(
                failure=RequestError(
                    "token.shape",
                    "This is no Hugging Face token.",
                    hint="A token begins with “hf_”. Make one on huggingface.co under"
                    " Settings, Access Tokens, with the right to read.",
                )
            )
            return
        self._set(failure=None)
        self._keeping.ask(lambda: self._ports.keep_token(token))

    def forget_token(self) -> None:
        """Forget the token, wherever it is."""
        self._keeping.ask(self._forget)

    def empty_trash(self) -> None:
        """Delete for good what is in the trash; the page has asked."""
        self._emptying.ask(self._ports.empty_trash)

    def _forget(self) -> Kept:
        self._ports.forget_token()
        return "none"

    def _change(self, **changes: object) -> None:
        try:
            self._settings.change(**changes)
        except (OSError, TunesmithError) as err:
            self._set(failure=_not_saved(err), settings=self._settings.now)
        else:
            self._set(settings=self._settings.now, failure=None)

    @Slot(object)
    def _on_examined(self, report: Report) -> None:
        self._set(report=report, is_examining=False)

    @Slot(object)
    def _on_sized(self, sizes: FolderSizes) -> None:
        self._set(sizes=sizes)

    @Slot(object)
    def _on_token_known(self, found: tuple[Kept, bool]) -> None:
        self._set(token=found[0], has_keyring=found[1])

    @Slot(object)
    def _on_token_changed(self, kept: Kept) -> None:
        self._set(token=kept)
        words = {
            "keyring": "The token is in the keyring.",
            "session": "The token is kept until the window closes.",
            "none": "The token was forgotten.",
        }
        self._navigator.toast(words[kept])

    @Slot(object)
    def _on_emptied(self, freed: int) -> None:
        from core.units import bytes_text

        self._navigator.toast(f"The trash is empty; {bytes_text(freed)} are free.")
        self._sizing.ask(self._ports.sizes)

    @Slot(object)
    def _on_failed(self, err: TunesmithError) -> None:
        self._set(failure=err, is_examining=False)

    def _set(self, **changes: Any) -> None:
        state = replace(self._state, **changes)
        if state != self._state:
            self._state = state
            self.changed.emit(self.view)


def _not_saved(err: Exception) -> TunesmithError:
    if isinstance(err, OSError):
        return WorkFailed(
            "settings.not_saved",
            f"The setting could not be saved: {err.strerror or err}.",
            hint="It holds until the window closes. Check that the disk has room and"
            " the folder can be written.",
        )
    return as_error(cast("TunesmithError", err))
