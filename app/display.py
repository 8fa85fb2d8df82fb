"""Whether a window can be shown here, found out before Qt is asked.

Without a display or one of its libraries Qt ends the process with a signal and a
misleading sentence, so everything is looked at first.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

# What the wheels of Qt expect from the system, found by experiment on a bare
# Debian 12. A library, and its package on Debian.
_NEEDED: Final = (
    ("libGL.so.1", "libgl1"),
    ("libEGL.so.1", "libegl1"),
    ("libxkbcommon.so.0", "libxkbcommon0"),
    ("libdbus-1.so.3", "libdbus-1-3"),
    ("libfontconfig.so.1", "libfontconfig1"),
    ("libglib-2.0.so.0", "libglib2.0-0"),
)
_NEEDED_BY_X11: Final = (
    ("libxcb-cursor.so.0", "libxcb-cursor0"),
    ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
    ("libxcb-icccm.so.4", "libxcb-icccm4"),
    ("libxcb-keysyms.so.1", "libxcb-keysyms1"),
    ("libxcb-image.so.0", "libxcb-image0"),
    ("libxcb-render-util.so.0", "libxcb-render-util0"),
    ("libxcb-xkb.so.1", "libxcb-xkb1"),
)
_SCREENLESS: Final = ("offscreen", "minimal", "vnc", "linuxfb", "eglfs")


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayProblem:
    """Why no window can be shown, and what to do."""

    code: str
    message: str
    hint: str


def problem(
    environment: Mapping[str, str] = os.environ,
    *,
    platform: str = sys.platform,
    can_load: Callable[[str], bool] | None = None,
) -> DisplayProblem | None:
    """Return what stands in a window's way, or None."""
    if not platform.startswith("linux"):
        return None
    wanted = environment.get("QT_QPA_PLATFORM", "").partition(":")[0]
    x11, wayland = environment.get("DISPLAY"), environment.get("WAYLAND_DISPLAY")
    if wanted not in _SCREENLESS and not x11 and not wayland:
        return DisplayProblem(
            code="window.no_display",
            message="There is no display here to show a window on.",
            hint="Use the command line instead: “tunesmith --help”, “tunesmith demo”.",
        )
    needed = list(_NEEDED)
    if wanted == "xcb" or (not wanted and not wayland):
        needed += _NEEDED_BY_X11
    load = can_load or _can_load
    missing = [(name, package) for name, package in needed if not load(name)]
    if not missing:
        return None
    packages = " ".join(package for _, package in missing)
    return DisplayProblem(
        code="window.library_missing",
        message="The window needs system libraries that are not installed: "
        + ", ".join(name for name, _ in missing)
        + ".",
        hint=f"On Debian and Ubuntu: sudo apt-get install {packages}",
    )


def _can_load(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
