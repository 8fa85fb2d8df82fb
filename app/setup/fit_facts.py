"""What stands beside the bars: who else is there, the disk, the time, what was learnt."""

from __future__ import annotations

from typing import Final

from app.setup.report import DataReport
from app.setup.state import FitState
from app.setup.time_view import time_text
from core.estimate.answer import MemoryEstimate
from core.hardware.gpu import GpuProcess
from core.plan.plan import Plan
from core.units import bytes_text

_UNTOLD: Final = "not told"


def told_facts(
    plan: Plan,
    state: FitState,
    estimate: MemoryEstimate | None,
    report: DataReport | None,
) -> tuple[tuple[str, str], ...]:
    """Return names and sentences, for what there is something to say of."""
    if estimate is None:
        return ()
    learned = estimate.learned
    rows = (
        ("Also there", _others_text(state)),
        ("Learnt", f"Measured against predicted, {learned.text}." if learned else ""),
        ("Time", time_text(plan, report, state.forecast, state.judged)),
        ("Disk", _disk_text(estimate, state.free_disk)),
    )
    return tuple((name, text) for name, text in rows if text)


def disk_rows(
    estimate: MemoryEstimate | None, free: int | None
) -> tuple[tuple[str, str, str], ...]:
    """Return what a run writes, with what each is for."""
    if estimate is None:
        return ()
    rows = [
        ("Adapter", bytes_text(estimate.disk.adapter), "What you keep."),
        (
            "Checkpoints",
            bytes_text(estimate.disk.checkpoints),
            "The newest few, while the run lasts.",
        ),
    ]
    if free is not None:
        rows.append(("Free", bytes_text(free), "On the disk that holds runs."))
    return tuple(rows)


def _disk_text(estimate: MemoryEstimate, free: int | None) -> str:
    adapter = bytes_text(estimate.disk.adapter)
    while_it_runs = bytes_text(estimate.disk.checkpoints)
    room = f", of {bytes_text(free)} free" if free is not None else ""
    return f"{adapter} for the adapter, {while_it_runs} for checkpoints{room}."


def others(state: FitState) -> tuple[tuple[str, str], ...]:
    """Return who else holds memory on the card, and how much."""
    if state.other is not None or state.budget is None:
        return ()
    return tuple(
        (process.name, bytes_text(process.used) if process.used else _UNTOLD)
        for process in state.budget.processes
    )


def _others_text(state: FitState) -> str:
    if state.other is not None or state.budget is None or state.budget.kind == "cpu":
        return ""
    found = state.budget.processes
    if not found:
        return "Nobody else uses the card."
    programs = [_held(one) for one in found if one.role in {"program", "chat"}]
    runs = [_held(one) for one in found if one.role == "run"]
    screen = [_held(one) for one in found if one.role == "desktop"]
    closing = "Closing it" if len(programs) == 1 else "Closing them"
    parts = [
        f"{', '.join(programs)}. {closing} frees memory." if programs else "",
        f"{', '.join(runs)}: pausing gives the memory back." if runs else "",
        f"{', '.join(screen)} for the screen." if screen else "",
    ]
    return " ".join(part for part in parts if part)


def _held(process: GpuProcess) -> str:
    if not process.used:
        return process.name
    return f"{process.name} ({bytes_text(process.used)})"
