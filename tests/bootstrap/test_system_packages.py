"""Which packages each distribution is asked for, and who installs them."""

import shlex
import sys

import pytest

from bootstrap import system_packages
from bootstrap.say import SetupError
from bootstrap.system_packages import (
    PARTS,
    Manager,
    Missing,
    as_typed,
    ensure,
    manager_of,
    packages,
)

ALL = Missing(python=True, parts=PARTS)
CURSOR = next(part for part in PARTS if part.soname == "libxcb-cursor.so.0")


@pytest.mark.parametrize(
    ("os_release", "expected"),
    [
        ("ID=debian\nVERSION_ID=12", "apt-get"),
        ("ID=ubuntu\nID_LIKE=debian", "apt-get"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"', "apt-get"),
        ("ID=fedora", "dnf"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"', "dnf"),
        ("ID=arch", "pacman"),
        ("ID=manjaro\nID_LIKE=arch", "pacman"),
        ('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"', "zypper"),
        ('ID="opensuse-leap"', "zypper"),
        ("ID=gentoo", None),
        ("", None),
    ],
)
def test_distribution_is_recognised(os_release: str, expected: Manager | None) -> None:
    """A distribution is known by its own name or by the one it is like."""
    assert manager_of(os_release) == expected


@pytest.mark.parametrize("manager", ["apt-get", "dnf", "pacman", "zypper"])
def test_every_part_has_a_package_everywhere(manager: Manager) -> None:
    """No part is without a name in any of the four, and none is named twice."""
    names = packages(ALL, manager)

    assert all(names)
    assert len(set(names)) == len(names)
    assert names[0].startswith("python")


def test_debian_names_venv_for_this_python() -> None:
    """Debian splits venv off for each version of Python."""
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"

    assert packages(ALL, "apt-get")[0] == f"python{minor}-venv"


def test_the_line_to_type_is_one_line_for_a_shell() -> None:
    """With sudo each command has it; without, one shell of root runs them all."""
    with_sudo = as_typed("apt-get", ["libgl1"], sudo=True)
    with_su = as_typed("apt-get", ["libgl1"], sudo=False)

    assert with_sudo == (
        "sudo apt-get update && sudo apt-get install -y --no-install-recommends libgl1"
    )
    assert shlex.split(with_su)[:2] == ["su", "-c"]
    assert "\n" not in with_su


@pytest.fixture
def debian(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A Debian whose package manager only writes down what it was asked."""
    asked: list[list[str]] = []

    class Done:
        returncode = 0

    def run(command: list[str], **_: object) -> Done:
        asked.append(command)
        return Done()

    monkeypatch.setattr(system_packages, "_os_release", lambda: "ID=debian")
    monkeypatch.setattr(system_packages.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(system_packages.subprocess, "run", run)
    return asked


def test_root_installs_after_an_update(
    debian: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root the lists are updated first, then everything missing is installed."""
    monkeypatch.setattr(system_packages, "_as_root", list[str])

    ensure(frozenset({"xcb"}), Missing(python=False, parts=(CURSOR,)))

    assert debian == [
        ["apt-get", "update"],
        ["apt-get", "install", "-y", "--no-install-recommends", "libxcb-cursor0"],
    ]


def test_sudo_without_password_installs(
    debian: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With password-less sudo the same happens through sudo, never waiting for one."""
    monkeypatch.setattr(system_packages, "_as_root", lambda: ["sudo", "-n"])

    ensure(frozenset({"xcb"}), Missing(python=False, parts=(CURSOR,)))

    assert [command[:2] for command in debian] == [["sudo", "-n"], ["sudo", "-n"]]


def test_anybody_else_is_given_the_command(
    debian: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without rights nothing is run; the one command is in the error, status 2."""
    monkeypatch.setattr(system_packages, "_as_root", lambda: None)

    with pytest.raises(SetupError) as caught:
        ensure(frozenset({"xcb"}), Missing(python=False, parts=(CURSOR,)))

    assert caught.value.status == 2
    assert "libxcb-cursor0" in caught.value.hint
    assert debian == []


def test_what_this_start_does_not_need_does_not_stop_it(
    debian: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing window library is no matter to a command without a window."""
    monkeypatch.setattr(system_packages, "_as_root", lambda: None)

    ensure(frozenset({"offscreen"}), Missing(python=False, parts=(CURSOR,)))

    assert debian == []


def test_an_unknown_distribution_is_told_the_libraries(
    debian: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where package names are unknown, the libraries themselves are named."""
    monkeypatch.setattr(system_packages, "_os_release", lambda: "ID=gentoo")

    with pytest.raises(SetupError, match="libxcb-cursor") as caught:
        ensure(frozenset({"xcb"}), Missing(python=False, parts=(CURSOR,)))

    assert caught.value.status == 2
