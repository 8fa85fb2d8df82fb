"""The computer itself: processor, memory, and what one process holds of it."""

import contextlib
import functools
import os
import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The processor and the memory as they are now. Memory in bytes."""

    cpu_name: str
    cores: int
    """Cores this process may use."""
    memory_total: int
    memory_free: int
    """What a new program can have without swapping."""
    system: str


def machine() -> Machine:
    """Return the facts of this computer; takes under a millisecond after the first."""
    memory = psutil.virtual_memory()
    total, free = int(memory.total), int(memory.available)
    limit = _container_limit()
    if limit is not None:
        total = min(total, limit[0])
        free = min(free, limit[1])
    return Machine(
        cpu_name=_cpu_name(),
        cores=_cores(),
        memory_total=total,
        memory_free=free,
        system=f"{platform.system()} {platform.release()}",
    )


@functools.cache
def multiplies_bf16() -> bool:
    """Return whether the processor has bf16 instructions (AMX or AVX-512).

    Read from the kernel's list, as torch itself is not asked here; elsewhere no is
    assumed, which prices the larger 32-bit weights.
    """
    flags = re.search(r"^flags\s*:(.*)$", _cpu_listing(), re.MULTILINE)
    words = set(flags.group(1).split()) if flags else set[str]()
    return bool(words & {"amx_tile", "avx512_bf16"})


def peak_resident_bytes() -> int:
    """Return the most memory this process ever held, or held since `forget_peak`."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return _peak_without_proc()
    found = re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else resident_bytes()


def _peak_without_proc() -> int:
    memory: Any = psutil.Process().memory_info()
    if hasattr(memory, "peak_wset"):  # Windows
        return int(memory.peak_wset)
    import resource

    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


def forget_peak() -> None:
    """Let `peak_resident_bytes` count from now on, where the system can (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def is_wsl() -> bool:
    """Return whether this is Linux inside Windows, whose driver then does the work."""
    return "microsoft" in platform.release().lower()


def segments_grow() -> bool:
    """Return whether torch's memory on a card may be a segment that grows.

    Windows' driver refuses, some at once, some at a large model
    (pytorch/pytorch#192330), and under WSL the driver is Windows' own.
    """
    return sys.platform != "win32" and not is_wsl()


def resident_bytes(pid: int | None = None) -> int:
    """Return the resident memory of a process (this one if none), 0 if it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))  # not on Windows and macOS
    except AttributeError:
        return os.cpu_count() or 1


@functools.cache
def _cpu_listing() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _cpu_name() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", _cpu_listing(), re.MULTILINE)
    if found:
        return found.group(1).strip()
    return platform.processor() or platform.machine()


def _container_limit() -> tuple[int, int] | None:
    """Return (limit, room below it) of a cgroup v2 memory limit, if there is one."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = (folder / "memory.max").read_text(encoding="ascii").strip()
        held = int((folder / "memory.current").read_text(encoding="ascii"))
        stat = (folder / "memory.stat").read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    if limit == "max":
        return None
    # Cached file pages count against the limit but are given back under pressure.
    cached = re.search(r"^inactive_file (\d+)$", stat, re.MULTILINE)
    room = int(limit) - held + (int(cached.group(1)) if cached else 0)
    return int(limit), max(0, room)
