"""What the person set once and wants kept: ``settings.json`` in Tunesmith's folder.

Our own JSON rather than QSettings, which gives no keys and no error for a damaged
file. Each save keeps the former file beside it; a damaged one is set aside, never
overwritten, and the window says so.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

from core import durable

Appearance = Literal["system", "light", "dark"]

TEXT_SCALES: Final = (90, 100, 110, 125, 150)
"""Text sizes offered, in percent."""

_VERSION: Final = 1
_LARGEST_BYTES: Final = 1 << 20  # a settings file of megabytes is no settings file


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettings:
    """The window's settings; each has a default that suits a newcomer."""

    appearance: Appearance = "system"
    text_scale_percent: int = 100
    offline: bool = False
    """Make no network call at all."""
    device: str = "auto"
    """``auto``, ``cpu``, or a GPU's index as text."""
    window: tuple[int, int, int, int] | None = None
    """The window's place: left, top, width, height in logical pixels."""
    maximized: bool = False
    last_page: str = "home"
    all_settings_open: bool = False
    """Whether "All settings" of a plan is unfolded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Settings as read, and what went wrong on the way, in words; "" if nothing."""

    settings: AppSettings
    problem: str = ""


def load(path: Path) -> Loaded:
    """Return the settings in `path`; defaults for what is missing or makes no sense.

    A file that is no settings file at all is copied aside (``settings.damaged.json``),
    the last good copy is used if there is one, and `Loaded.problem` says so.
    """
    if not path.exists():
        return Loaded(settings=AppSettings())
    found = _read(path)
    if found is not None:
        return Loaded(settings=_understood(found))
    aside = path.with_name("settings.damaged.json")
    _copy(path, aside)
    former = _read(_backup(path))
    told = f"The settings could not be read; the file is kept as {aside.name}."
    if former is not None:
        return Loaded(
            settings=_understood(former),
            problem=f"{told} The last good copy is used instead.",
        )
    return Loaded(
        settings=AppSettings(), problem=f"{told} Everything is at its default."
    )


def save(path: Path, settings: AppSettings) -> None:
    """Make `settings` the content of `path`, keeping the former file as backup.

    Raises:
        DiskFull: There was no room; the old file stands.
        OSError: The folder cannot be written.
    """
    if path.exists() and _read(path) is not None:
        _copy(path, _backup(path))
    content = {"version": _VERSION, **asdict(settings)}
    durable.replace_text(path, json.dumps(content, indent=1))


class SettingsStore:
    """The settings of this session, saved whenever they change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        loaded = load(path)
        self._settings = loaded.settings
        self.problem = loaded.problem

    @property
    def now(self) -> AppSettings:
        """The settings as they are."""
        return self._settings

    def change(self, **changes: Any) -> AppSettings:
        """Change some fields, save, and return the whole.

        Raises:
            DiskFull: As `save`; the change holds for this session.
            OSError: As `save`; the change holds for this session.
        """
        changed = replace(self._settings, **changes)
        if changed != self._settings:
            self._settings = changed
            save(self._path, changed)
        return changed


def _backup(path: Path) -> Path:
    return path.with_name("settings.backup.json")


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as file:
        durable.replace_bytes(target, file.read(_LARGEST_BYTES))


def _read(path: Path) -> dict[str, Any] | None:
    """Return the object in `path`, or None where there is none to read."""
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _understood(found: dict[str, Any]) -> AppSettings:
    """Return the fields of `found` that make sense; unknown keys are of no account."""
    known = {field.name for field in fields(AppSettings)}
    pairs = {key: value for key, value in found.items() if key in known}
    kept = {key: value for key, value in pairs.items() if _makes_sense(key, value)}
    window = kept.get("window")
    if window is not None:
        kept["window"] = tuple(window)
    return AppSettings(**kept)


def _makes_sense(key: str, value: object) -> bool:
    match key:
        case "appearance":
            return value in get_args(Appearance)
        case "text_scale_percent":
            return value in TEXT_SCALES
        case "window":
            return value is None or _is_place(value)
        case "device" | "last_page":
            return isinstance(value, str) and len(value) < 100
        case _:
            return isinstance(value, bool)


def _is_place(value: object) -> bool:
    if not isinstance(value, list | tuple):
        return False
    numbers = cast("list[object]", value)
    return len(numbers) == 4 and all(
        isinstance(n, int) and -100_000 < n < 100_000 for n in numbers
    )
