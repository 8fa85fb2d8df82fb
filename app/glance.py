"""The words of the status bar: pure, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.units import GIB, bytes_text, duration_text

if TYPE_CHECKING:
    from app.services import RunGlance


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceGlance:
    """The device in use as the driver or system reports it now. Memory in bytes."""

    name: str
    is_gpu: bool
    total: int
    free: int
    temperature: float | None = None
    """Degrees Celsius."""
    disk_free: int = 0
    disk_total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipView:
    """Words, a meter (0 to 1) and a tail for one chip of the status bar."""

    words: str = ""
    tail: str = ""
    fraction: float | None = None
    tip: str = ""


def device_chip(device: DeviceGlance) -> ChipView:
    """Return what the status bar says of `device`."""
    used = device.total - device.free
    tail = f"{used / GIB:.1f} of {device.total / GIB:.1f} GiB"
    if device.temperature is not None:
        tail += f"  ·  {device.temperature:.0f} °C"
    kind = "graphics card" if device.is_gpu else "processor"
    return ChipView(
        words=short_device_name(device.name),
        tail=tail,
        fraction=used / device.total if device.total else None,
        tip=(
            f"Training uses this {kind}: {device.name}. {bytes_text(device.free)} of"
            f" memory are free. Click for the device settings."
        ),
    )


def short_device_name(name: str) -> str:
    """Return `name` without the words every device has."""
    for noise in (
        "NVIDIA ", "GeForce ", "(R)", "(TM)", " CPU", " Processor", "Intel ",
    ):  # fmt: skip
        name = name.replace(noise, "")
    name = name.partition("@")[0]
    return " ".join(name.split()) or "Processor"


def work_chip(runs: Sequence[RunGlance]) -> ChipView:
    """Return what the status bar says of what is running; no words for nothing."""
    running = [run for run in runs if run.status == "running"]
    if not running:
        waiting = [run for run in runs if run.status == "queued"]
        if not waiting:
            return ChipView()
        return ChipView(
            words=f"{waiting[0].name} is waiting to start", tip="Open the run"
        )
    run = running[0]
    more = f"  ·  {len(running) - 1} more" if len(running) > 1 else ""
    if run.steps and run.step:
        left = run.seconds_left
        tail = f"step {run.step} of {run.steps}"
        if left is not None:
            tail += f"  ·  {duration_text(left)} left"
        fraction = min(1.0, run.step / run.steps)
        return ChipView(
            words=run.name, tail=tail + more, fraction=fraction, tip=f"Open {run.name}"
        )
    return ChipView(
        words=run.name, tail=(run.phase or "starting") + more, tip=f"Open {run.name}"
    )


def running_note(runs: Sequence[RunGlance]) -> str:
    """Return the small word beside "Runs" in the rail."""
    count = sum(run.status == "running" for run in runs)
    return f"{count} running" if count else ""
