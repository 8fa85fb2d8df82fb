"""Who a process is that holds memory on the card, and whether a person can close it."""

import functools
import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Literal

import psutil

ProcessRole = Literal["program", "desktop", "run", "chat"]
"""``run`` and ``chat`` are Tunesmith's own; ``desktop`` is what draws the screen."""

# Without these the session ends, so nobody is told to close them.
_DESKTOP = frozenset(
    {
        "xorg", "x", "xwayland", "weston", "sway", "hyprland", "labwc", "wayfire", "niri",
        "river", "gnome-shell", "mutter", "kwin_x11", "kwin_wayland", "plasmashell",
        "cinnamon", "muffin", "marco", "xfwm4", "compiz", "picom", "budgie-wm", "cosmic-comp",
        "gdm-x-session", "gdm-wayland-session", "sddm-greeter", "lightdm-gtk-greeter",
        "dwm.exe", "csrss.exe", "winlogon.exe", "explorer.exe", "shellhost.exe",
        "startmenuexperiencehost.exe", "searchhost.exe", "shellexperiencehost.exe",
        "textinputhost.exe", "windowserver",
    }
)  # fmt: skip
_WORKERS = ("core.worker", "--worker")  # the second in a frozen build


def occupant(pid: int) -> tuple[str, ProcessRole]:
    """Return a name people know for a process, and what it is. Never raises."""
    try:
        return _asked(pid, psutil.Process(pid).create_time())
    except (psutil.Error, OSError):  # gone already
        return f"process {pid}", "program"


@functools.lru_cache(maxsize=256)
def _asked(pid: int, _created: float) -> tuple[str, ProcessRole]:
    """Return what a process is; asked once, for cards are asked every second.

    A number is given anew to later processes, which then began at another time.
    """
    process = psutil.Process(pid)
    try:
        command = process.cmdline()
    except psutil.AccessDenied:  # another user's, which often hides its arguments
        command = []
    return _told(process.name(), command)


def _told(name: str, command: Sequence[str]) -> tuple[str, ProcessRole]:
    marks = [number for number, word in enumerate(command) if word in _WORKERS]
    if marks:
        kind, *rest = [*command[marks[0] + 1 :], "", ""]
        if kind == "chat":
            return "Tunesmith's chat", "chat"
        if kind == "train":
            return f"Tunesmith's run {PurePath(rest[0]).name}".rstrip(), "run"
        return "Tunesmith", "program"
    return name, _role_of(name)


def _role_of(name: str) -> ProcessRole:
    plain = re.sub(r"-wrapped$|^\.", "", name.lower())
    return "desktop" if plain in _DESKTOP else "program"
