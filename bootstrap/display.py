"""Whether a window could be opened here, and by which of Qt's platforms.

Qt aborts the whole process when it finds no display, so the question is answered
before anything imports it.
"""

import ctypes
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

Platform = Literal["xcb", "wayland", "another"]


def platform(environ: Mapping[str, str] | None = None) -> Platform | None:
    """Return what a window could be drawn with, or None without a display."""
    env = os.environ if environ is None else environ
    if sys.platform in ("win32", "darwin"):
        return "another"
    if env.get("QT_QPA_PLATFORM"):  # somebody chose: offscreen, vnc, eglfs
        return "another"
    # With both, Qt falls back from Wayland to X11, so X11 is enough.
    if _x_answers(env):
        return "xcb"
    return "wayland" if _wayland_answers(env) else None


def _wayland_answers(env: Mapping[str, str]) -> bool:
    name = env.get("WAYLAND_DISPLAY")
    if not name:
        return False
    path = Path(env.get("XDG_RUNTIME_DIR", "/run/user/none")) / name
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        try:
            connection.connect(str(path))
        except OSError:
            return False
    return True


def _x_answers(env: Mapping[str, str]) -> bool:
    """Return whether the X server named by DISPLAY takes us.

    Where libxcb is not installed yet, DISPLAY is believed: the library comes with
    the system packages that a window needs anyway.
    """
    name = env.get("DISPLAY")
    if not name:
        return False
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(name.encode(), None))
    refused = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return refused == 0
