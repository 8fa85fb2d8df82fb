"""Train a few short runs and see what estimates learn from them.

    python -m benchmarks.learned [--steps 4] [--home DIR] [--out FILE]

Eleven runs of the starter model with different settings, one after another, each priced
by the formula alone and as the runs before it correct it; then both beside what was
measured. Some six minutes on two cores; exit status 1 if a run left its bounds.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core import durable
from core.estimate.learned import Outcome, percent_text
from core.places import Places, places
from core.plan.fields import with_value
from core.plan.plan import DataChoice, ModelChoice, Plan, Training
from core.prepare import new_run
from core.runs.outcomes import own_outcome
from core.units import bytes_text
from core.wire import to_json
from tests.worker.processes import finish

RESULTS = Path(__file__).parent / "results"
SERIES: tuple[dict[str, Any], ...] = (
    {"batch_size": 1, "seq_len": 256},
    {"batch_size": 2, "seq_len": 512},
    {"batch_size": 4, "seq_len": 256, "gradient_checkpointing": True},
    {"batch_size": 1, "seq_len": 1024, "gradient_checkpointing": True},
    {"batch_size": 2, "seq_len": 256, "gradient_accumulation": 4, "rank": 64},
    {"batch_size": 8, "seq_len": 128},
    {"batch_size": 2, "seq_len": 512, "attention": "eager"},
    {"batch_size": 1, "seq_len": 128, "kind": "qlora"},
    {"batch_size": 2, "seq_len": 256, "kind": "qlora", "gradient_checkpointing": True},
    {"batch_size": 1, "seq_len": 100},
    {"batch_size": 1, "seq_len": 1024},
)


def write_rows(path: Path) -> Path:
    """Write sixty rows longer than any plan allows, so that every batch is full."""
    rows = (" ".join(str(n * 7 + row) for n in range(900)) for row in range(60))
    lines = (json.dumps({"text": text}) for text in rows)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def plan_of(data: Path, steps: int, settings: dict[str, Any]) -> Plan:
    plan = Plan(
        name=" ".join(f"{key}={value}" for key, value in settings.items()),
        model=ModelChoice(id="starter"),
        data=DataChoice(files=(str(data),), eval_fraction=0.05, train_on="everything"),
        train=Training(max_steps=steps, gradient_accumulation=1, eval_every=1000),
    )
    for key, value in settings.items():
        section = "method" if hasattr(plan.method, key) else "train"
        plan = with_value(plan, f"{section}.{key}", value)
    return plan


def trained(home: Places, data: Path, steps: int, settings: dict[str, Any]) -> Outcome:
    """Return what a run of these settings came to."""
    run = new_run(plan_of(data, steps, settings), home, force=True)
    finish(run)
    outcome = own_outcome(run)
    if outcome is None:
        sys.exit(f"{run.run_id} came to nothing; see {run.log_file}")
    return outcome


def line(settings: dict[str, Any], one: Outcome) -> dict[str, Any]:
    """Return one run's figures, by the formula and as corrected."""
    formula = (one.predicted, one.low or 0, one.high or 0)
    learned = (one.promised, one.promised_low or 0, one.promised_high or 0)
    return {
        "settings": settings,
        "measured": one.measured,
        "formula": _judged(one.measured, *formula),
        "learned": _judged(one.measured, *learned),
        "outcome": to_json(one),
    }


def _judged(measured: int, predicted: int, low: int, high: int) -> dict[str, Any]:
    return {
        "predicted": predicted,
        "error": measured / predicted - 1,
        "width": (high - low) / predicted,
        "inside": low <= measured <= high,
    }


def summary(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return medians, and how many runs stayed inside their bounds."""
    return {
        kind: {
            "median_error": statistics.median(abs(row[kind]["error"]) for row in lines),
            "median_width": statistics.median(row[kind]["width"] for row in lines),
            "inside": sum(row[kind]["inside"] for row in lines),
            "runs": len(lines),
        }
        for kind in ("formula", "learned")
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS / "learned.json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = places(asked.home or Path(folder)).make()
        fetch = ["models", "download", "starter", "--home", str(home.home)]
        subprocess.run([sys.executable, "-m", "core.cli", *fetch], check=True)
        data = write_rows(home.home / "rows.jsonl")
        lines: list[dict[str, Any]] = []
        for settings in SERIES:
            found = line(settings, trained(home, data, asked.steps, settings))
            lines.append(found)
            said = " ".join(
                f"{kind} {percent_text(found[kind]['error'])}"
                f" ±{found[kind]['width'] / 2:.0%}"
                for kind in ("formula", "learned")
            )
            print(f"{bytes_text(found['measured']):>9} {said}  {settings}", flush=True)
    told = summary(lines)
    print(json.dumps(told, indent=1))
    durable.replace_text(
        asked.out, json.dumps({"summary": told, "runs": lines}, indent=1)
    )
    return 0 if all(told[kind]["inside"] == len(lines) for kind in told) else 1


if __name__ == "__main__":
    sys.exit(main())
