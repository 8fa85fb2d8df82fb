"""How long a run will take, told by runs that were measured on this machine.

A formula would guess at kernels and clocks; the person's own last run of the same
model, method and device does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from app.setup.report import DataReport
from core.plan.plan import Plan
from core.runs.folder import RunFolder, all_runs
from core.runs.summary import summary

_LOOK_BACK: Final = 20  # runs; older ones say little about the machine of now


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast one finished run was."""

    model: str
    method: str
    device: str
    tokens_per_s: float


def paces(runs: Path) -> tuple[Pace, ...]:
    """Return the pace of each of the last finished runs, newest first."""
    found = (_pace(run) for run in all_runs(runs)[:_LOOK_BACK])
    return tuple(pace for pace in found if pace is not None)


def _pace(run: RunFolder) -> Pace | None:
    line = summary(run)
    device = run.facts().get("device")
    if line.status not in {"done", "stopped"} or not line.tokens_per_s:
        return None
    if not isinstance(device, dict):
        return None
    name = cast("dict[str, Any]", device).get("name", "")
    return Pace(
        model=line.model,
        method=line.method,
        device=str(name),
        tokens_per_s=line.tokens_per_s,
    )


def pace_for(plan: Plan, device: str, known: Sequence[Pace]) -> Pace | None:
    """Return the newest pace of the same model, method and device, if there is one."""
    wanted = (plan.model.id, plan.method.kind, device)
    return next((p for p in known if (p.model, p.method, p.device) == wanted), None)


def training_s(plan: Plan, report: DataReport, steps: int, pace: Pace) -> float | None:
    """Return about how many seconds the steps alone will take; None without lengths.

    Evaluations and checkpoints come on top.
    """
    if report.tokens is None or not report.usable:
        return None
    mean_tokens = min(report.tokens.total / report.usable, plan.train.seq_len)
    return steps * plan.train.effective_batch * mean_tokens / pace.tokens_per_s
