"""Whether a window can be opened is known before Qt could abort."""

import ctypes
import socket
import sys
from pathlib import Path

import pytest

from bootstrap.display import platform

linux_only = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="elsewhere there is always a display"
)


@linux_only
def test_nothing_set_is_no_display() -> None:
    """A bare terminal has no display."""
    assert platform({}) is None


@linux_only
def test_a_stale_wayland_name_is_no_display(tmp_path: Path) -> None:
    """A name without a compositor behind it counts as nothing."""
    env = {"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": str(tmp_path)}

    assert platform(env) is None


@linux_only
def test_a_compositor_that_listens_is_a_display(tmp_path: Path) -> None:
    """A compositor that takes the connection is a display."""
    env = {"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": str(tmp_path)}
    with socket.socket(socket.AF_UNIX) as compositor:
        compositor.bind(str(tmp_path / "wayland-0"))
        compositor.listen()

        assert platform(env) == "wayland"


@linux_only
def test_a_dead_x_server_is_no_display() -> None:
    """DISPLAY left over from a session that ended counts as nothing."""
    ctypes.CDLL("libxcb.so.1")

    assert platform({"DISPLAY": ":987"}) is None


def test_a_chosen_qt_platform_is_obeyed() -> None:
    """Who names a Qt platform knows that there is a place to draw."""
    assert platform({"QT_QPA_PLATFORM": "offscreen"}) == "another"
