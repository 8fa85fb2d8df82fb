"""This machine, as far as the choice of packages depends on it."""

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from bootstrap import nvml

System = Literal["linux", "windows", "macos", "other"]

_SYSTEMS: Final[dict[str, System]] = {
    "linux": "linux",
    "win32": "windows",
    "darwin": "macos",
}
_NVIDIA_VENDOR: Final = "0x10de"
_DISPLAY_CLASS: Final = "0x03"  # PCI base class 03h: display controller


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What decides which torch build fits.

    Attributes:
        system: The operating system.
        architecture: As `platform.machine` names it, in lower case.
        nvidia: The driver, a driver that does not answer, or None.
        nvidia_card_without_driver: A card sits on the bus and no driver is there.
        amd: The kernel's compute driver for AMD cards is there (Linux).
    """

    system: System
    architecture: str
    nvidia: nvml.Driver | nvml.BrokenDriver | None = None
    nvidia_card_without_driver: bool = False
    amd: bool = False


def look() -> Machine:
    """Return this machine. Loads the NVIDIA driver's library if there is one."""
    system = _SYSTEMS.get(sys.platform, "other")
    library = nvml.library() if system in ("linux", "windows") else None
    driver = nvml.ask(library) if library is not None else None
    return Machine(
        system=system,
        architecture=platform.machine().lower(),
        nvidia=driver,
        nvidia_card_without_driver=library is None and _nvidia_on_the_bus(),
        amd=system == "linux" and _amd_compute(),
    )


def _nvidia_on_the_bus(devices: Path = Path("/sys/bus/pci/devices")) -> bool:
    return any(
        _text(device / "vendor") == _NVIDIA_VENDOR
        and _text(device / "class").startswith(_DISPLAY_CLASS)
        for device in (devices.iterdir() if devices.is_dir() else ())
    )


def _amd_compute(nodes: Path = Path("/sys/class/kfd/kfd/topology/nodes")) -> bool:
    """Return whether the kernel lists an AMD GPU; CPU nodes have no SIMD units."""
    if not nodes.is_dir():
        return False
    lines = (
        line.split()
        for node in nodes.iterdir()
        for line in _text(node / "properties").splitlines()
    )
    return any(line[:1] == ["simd_count"] and line[1:] != ["0"] for line in lines)


def driver_identity() -> str:
    """Return a text that changes when the graphics driver or the cards change.

    Every start computes it, so it reads a few small files and never wakes a driver.
    """
    if os.name == "nt":
        root = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"))
        return _size_and_time(root / "System32" / "nvml.dll")
    proc = Path("/proc/driver/nvidia")
    cards = proc / "gpus"
    names = sorted(card.name for card in cards.iterdir()) if cards.is_dir() else []
    wsl = _size_and_time(Path("/usr/lib/wsl/lib/libnvidia-ml.so.1"))
    amd = Path("/sys/class/kfd").exists()
    return f"{_text(proc / 'version')}|{','.join(names)}|{wsl}|amd={amd}"


def _size_and_time(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_size}@{found.st_mtime_ns}"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
