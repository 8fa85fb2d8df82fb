"""Small real values for the Train page's tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from app.setup.report import DataReport, TokenFigures
from app.setup.state import DataState, FitState, ModelState, SetupState
from core.estimate.answer import Components, Disk, MemoryEstimate, Verdict
from core.hardware.budget import DeviceBudget
from core.models.facts import ModelFacts
from core.plan.plan import DataChoice, MethodKind, ModelChoice, Plan
from core.units import GIB, MIB

BUDGET = DeviceBudget(
    kind="cuda",
    name="GeForce RTX 3060",
    total=12 * GIB,
    free=10 * GIB,
    compute_capability=(8, 6),
)


def facts(**changes: Any) -> ModelFacts:
    """Return a local model that can be trained."""
    made = ModelFacts(
        id="org/small",
        name="small",
        source="local",
        path=Path("models/small"),
        parameters=135_000_000,
        context_length=8192,
        licence="Apache-2.0",
        disk=270 * MIB,
    )
    return replace(made, **changes)


def estimate(
    method: MethodKind = "lora", verdict: Verdict = "fits", **changes: Any
) -> MemoryEstimate:
    """Return an estimate of 2 GiB against 10 GiB free."""
    parts = Components(weights=GIB, activations=GIB)
    made = MemoryEstimate(
        method=method,
        allocated=2 * GIB,
        reserved=2 * GIB,
        process=2 * GIB,
        low=GIB,
        high=3 * GIB,
        components=parts,
        available=10 * GIB,
        verdict=verdict,
        reason="It needs 2.00 GiB of 10.0 GiB free.",
        disk=Disk(adapter=20 * MIB, checkpoints=60 * MIB),
    )
    return replace(made, **changes)


def report(**changes: Any) -> DataReport:
    """Return the doctor's word on a hundred good rows."""
    made = DataReport(
        format="prompt-completion",
        rows=100,
        usable=100,
        columns=("question", "answer"),
        mapped={"prompt": "question", "completion": "answer"},
        tokens=TokenFigures(p50=80, p90=200, p99=300, longest=420, total=9000),
        train_rows=90,
        eval_rows=10,
    )
    return replace(made, **changes)


def ready(tmp_path: Path, **changes: Any) -> SetupState:
    """Return a draft that lacks nothing."""
    file = tmp_path / "chats.jsonl"
    file.write_text("{}\n", encoding="utf-8")
    plan = Plan(model=ModelChoice(id="org/small"), data=DataChoice(files=(str(file),)))
    made = SetupState(
        plan=plan,
        models=ModelState(listed=(facts(),), chosen=facts()),
        data=DataState(report=report()),
        fit=FitState(
            budget=BUDGET,
            estimates={"lora": estimate(), "qlora": estimate("qlora")},
            recommended="lora",
            recommended_why="It fits with 8.00 GiB to spare.",
        ),
    )
    return replace(made, **changes)
