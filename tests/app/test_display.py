"""A window that cannot be shown says so in words, with status 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import display

ROOT = Path(__file__).resolve().parents[2]


def loads(_name: str) -> bool:
    return True


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_other_systems_always_have_a_display(platform: str) -> None:
    """Windows and macOS bring what Qt needs."""
    assert display.problem({}, platform=platform, can_load=loads) is None


def test_no_display_is_a_problem_with_a_way_out() -> None:
    """Without a display the command line is named."""
    found = display.problem({}, platform="linux", can_load=loads)

    assert found is not None
    assert "window.no_display" == found.code
    assert "tunesmith demo" in found.hint


@pytest.mark.parametrize(
    "environment",
    [
        {"DISPLAY": ":0"},
        {"WAYLAND_DISPLAY": "wayland-0"},
        {"QT_QPA_PLATFORM": "offscreen"},
    ],
)
def test_a_display_and_its_libraries_are_enough(environment: dict[str, str]) -> None:
    """Either display, or none asked for, will do."""
    assert display.problem(environment, platform="linux", can_load=loads) is None


def test_a_missing_library_names_its_package() -> None:
    """What is missing is named, and the command that installs it."""
    found = display.problem(
        {"DISPLAY": ":0"},
        platform="linux",
        can_load=lambda name: name != "libxcb-cursor.so.0",
    )

    assert found is not None
    assert "libxcb-cursor.so.0" in found.message
    assert found.hint.endswith("apt-get install libxcb-cursor0")


def test_wayland_needs_no_x11_libraries() -> None:
    """On Wayland what only X11 needs may be missing."""
    found = display.problem(
        {"WAYLAND_DISPLAY": "wayland-0"},
        platform="linux",
        can_load=lambda name: "xcb" not in name and "x11" not in name,
    )

    assert found is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone")
def test_the_program_without_a_display_ends_with_status_2(tmp_path: Path) -> None:
    """No display: a sentence, status 2, and never an abort of Qt."""
    unset = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environment = {k: v for k, v in os.environ.items() if k not in unset}
    done = subprocess.run(
        [sys.executable, "-m", "app", "--home", str(tmp_path)],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert 2 == done.returncode
    assert "no display" in done.stderr
    assert "Traceback" not in done.stderr
