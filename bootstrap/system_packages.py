"""What the distribution must provide, and the one command that provides it.

Found by experiment in a Debian 12 minbase root: install one package, start, repeat. The
names for the other distributions are those of the packages that own the same files.
"""

import ctypes
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from bootstrap.ready import Need
from bootstrap.say import WRONG_REQUEST, SetupError, say

Manager = Literal["apt-get", "dnf", "pacman", "zypper"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A shared library Qt loads, who needs it, and the package that holds it."""

    soname: str
    need: Need
    packages: Mapping[Manager, str]


def _part(soname: str, need: Need, *packages: str) -> Part:
    apt, dnf, pacman, zypper = packages
    return Part(
        soname=soname,
        need=need,
        packages={"apt-get": apt, "dnf": dnf, "pacman": pacman, "zypper": zypper},
    )


#                                 apt-get, dnf, pacman, zypper
PARTS: Final = (
    _part("libglib-2.0.so.0", "offscreen", "libglib2.0-0", "glib2", "glib2", "libglib-2_0-0"),
    _part("libGL.so.1", "offscreen", "libgl1", "libglvnd-glx", "libglvnd", "libglvnd"),
    _part("libEGL.so.1", "offscreen", "libegl1", "libglvnd-egl", "libglvnd", "libglvnd"),
    _part("libdbus-1.so.3", "offscreen", "libdbus-1-3", "dbus-libs", "dbus", "libdbus-1-3"),
    _part("libxkbcommon.so.0", "offscreen", "libxkbcommon0", "libxkbcommon", "libxkbcommon", "libxkbcommon0"),
    _part("libfontconfig.so.1", "offscreen", "libfontconfig1", "fontconfig", "fontconfig", "libfontconfig1"),
    _part("libxkbcommon-x11.so.0", "xcb", "libxkbcommon-x11-0", "libxkbcommon-x11", "libxkbcommon-x11", "libxkbcommon-x11-0"),
    _part("libxcb-cursor.so.0", "xcb", "libxcb-cursor0", "xcb-util-cursor", "xcb-util-cursor", "libxcb-cursor0"),
    _part("libxcb-icccm.so.4", "xcb", "libxcb-icccm4", "xcb-util-wm", "xcb-util-wm", "libxcb-icccm4"),
    _part("libxcb-keysyms.so.1", "xcb", "libxcb-keysyms1", "xcb-util-keysyms", "xcb-util-keysyms", "libxcb-keysyms1"),
    _part("libxcb-shape.so.0", "xcb", "libxcb-shape0", "libxcb", "libxcb", "libxcb-shape0"),
    _part("libxcb-image.so.0", "xcb", "libxcb-image0", "xcb-util-image", "xcb-util-image", "libxcb-image0"),
    _part("libxcb-render-util.so.0", "xcb", "libxcb-render-util0", "xcb-util-renderutil", "xcb-util-renderutil", "libxcb-render-util0"),
    _part("libxcb-xkb.so.1", "xcb", "libxcb-xkb1", "libxcb", "libxcb", "libxcb-xkb1"),
    _part("libwayland-cursor.so.0", "wayland", "libwayland-cursor0", "libwayland-cursor", "wayland", "libwayland-cursor0"),
    _part("libwayland-egl.so.1", "wayland", "libwayland-egl1", "libwayland-egl", "wayland", "libwayland-egl1"),
)  # fmt: skip

_FAMILIES: Final[dict[str, Manager]] = {
    "debian": "apt-get",
    "ubuntu": "apt-get",
    "fedora": "dnf",
    "rhel": "dnf",
    "arch": "pacman",
    "suse": "zypper",
    "opensuse": "zypper",
}

_INSTALL: Final[dict[Manager, tuple[tuple[str, ...], ...]]] = {
    "apt-get": (
        ("apt-get", "update"),
        ("apt-get", "install", "-y", "--no-install-recommends"),
    ),
    "dnf": (("dnf", "install", "-y"),),
    "pacman": (("pacman", "-S", "--needed", "--noconfirm"),),
    "zypper": (("zypper", "--non-interactive", "install"),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """System parts that are not there; empty when all is well."""

    python: bool
    parts: tuple[Part, ...]

    def stops(self, needs: frozenset[Need]) -> bool:
        """Return whether something in `needs` is among the missing."""
        missing = {part.need for part in self.parts}
        return bool(needs & (missing | ({"python"} if self.python else set())))


def look(*, environment_must_be_made: bool) -> Missing:
    """Return what this machine lacks; only Linux keeps such parts in packages."""
    if not sys.platform.startswith("linux"):
        return Missing(python=False, parts=())
    return Missing(
        python=environment_must_be_made and not _can_make_environments(),
        parts=tuple(part for part in PARTS if not _loads(part.soname)),
    )


def _loads(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def _can_make_environments() -> bool:
    """Return whether this Python brings ensurepip; Debian's leaves it out."""
    command = [sys.executable, "-m", "ensurepip", "--version"]
    asked = subprocess.run(command, capture_output=True, check=False)
    return asked.returncode == 0


def manager_of(os_release: str) -> Manager | None:
    """Return the package manager for the text of ``/etc/os-release``, if known."""
    pairs = (line.partition("=") for line in os_release.splitlines())
    fields = {key: value.strip("\"'") for key, _, value in pairs}
    names = [fields.get("ID", ""), *fields.get("ID_LIKE", "").split()]
    for name in names:
        family = name.partition("-")[0]  # opensuse-leap, opensuse-tumbleweed
        if family in _FAMILIES:
            return _FAMILIES[family]
    return None


def packages(missing: Missing, manager: Manager) -> tuple[str, ...]:
    """Return the packages of `manager` that provide what is missing, each once."""
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    python: dict[Manager, str] = {
        "apt-get": f"python{minor}-venv",
        "dnf": "python3-pip",  # brings python-pip-wheel, which ensurepip unpacks
        "pacman": "python",
        "zypper": "python3-pip",
    }
    names = [python[manager]] if missing.python else []
    names += [part.packages[manager] for part in missing.parts]
    return tuple(dict.fromkeys(names))


def commands(manager: Manager, names: Iterable[str]) -> list[list[str]]:
    """Return what has to be run, as root, one after the other."""
    *before, install = (list(command) for command in _INSTALL[manager])
    return [*before, [*install, *names]]


def as_typed(manager: Manager, names: Iterable[str], *, sudo: bool) -> str:
    """Return the one line a person has to type to install `names`."""
    parts = [shlex.join(command) for command in commands(manager, names)]
    if sudo:
        return " && ".join(f"sudo {part}" for part in parts)
    return f"su -c {shlex.quote(' && '.join(parts))}"


def ensure(needs: frozenset[Need], missing: Missing) -> None:
    """Install what is missing if `needs` call for it and this user may.

    Raises:
        SetupError: Something needed is missing and only a person can install it.
    """
    if not missing.stops(needs):
        return
    manager = manager_of(_os_release())
    if manager is None or shutil.which(manager) is None:
        raise SetupError(
            "System parts are missing: " + ", ".join(_plain_names(missing)) + ".",
            hint="Install the packages of your distribution that hold them, then start"
            " run.py again.",
            status=WRONG_REQUEST,
        )
    names = packages(missing, manager)
    prefix = _as_root()
    line = as_typed(manager, names, sudo=shutil.which("sudo") is not None)
    if prefix is None:
        raise SetupError(
            "System packages are missing, and installing them needs an administrator.",
            hint=f"Run this one command, then start run.py again:\n\n    {line}\n",
            status=WRONG_REQUEST,
        )
    say("Installing system packages: " + " ".join(names))
    _install(manager, names, prefix, line)


def _install(
    manager: Manager, names: tuple[str, ...], prefix: list[str], line: str
) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in commands(manager, names):
        # sudo forgets the environment, so it is named on its command line.
        front = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive"] if prefix else []
        done = subprocess.run(
            [*front, *command], stdout=2, env=env, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode != 0:
            raise SetupError(
                f"{manager} could not install the system packages; it says why above.",
                hint=f"Try it by hand, then start run.py again:\n\n    {line}\n",
                status=WRONG_REQUEST,
            )


def _as_root(may: Callable[[], bool] | None = None) -> list[str] | None:
    """Return what to put before a command to run it as root, or None."""
    if os.name == "nt":
        return None
    if os.geteuid() == 0:
        return []
    return ["sudo", "-n"] if (may or _sudo_without_password)() else None


def _sudo_without_password() -> bool:
    sudo = shutil.which("sudo")
    if sudo is None:
        return False
    asked = subprocess.run([sudo, "-n", "true"], capture_output=True, check=False)
    return asked.returncode == 0


def _os_release() -> str:
    for path in (Path("/etc/os-release"), Path("/usr/lib/os-release")):
        if path.is_file():
            return path.read_text(encoding="utf-8", errors="replace")
    return ""


def _plain_names(missing: Missing) -> list[str]:
    python = ["Python's venv and ensurepip"] if missing.python else []
    return python + [part.soname for part in missing.parts]
