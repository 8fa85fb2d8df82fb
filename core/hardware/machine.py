"""The computer itself: processor, memory, and what one process holds of it."""

import functools
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

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
def _cpu_name() -> str:
    try:
        listing = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", listing, re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


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
