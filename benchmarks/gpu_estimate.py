"""Estimates against a real card: one command for a machine with CUDA.

    python -m benchmarks.gpu_estimate --out FILE [--suite small|full]
        [--loop tunesmith|plain] [--limit-minutes N] [--rehearse]

Models of real shapes with random weights, 1 to 70 billion parameters, are trained for a
few steps, each in a process of its own. Formula, dry run and forecast are asked first,
then the card's counters are read: allocated, reserved, the whole process, the step's
time. Then the allocator is capped as if the card were smaller, and every verdict is held
to what happened: nothing that was called "fits" or "tight" may run out of memory.

FILE is JSON and is written after every run: a second call goes on where the first
stopped. It also holds, for `core.estimate.outside`, what the process holds beyond
torch's memory, and, for `core.planner.forecast`, the tokens a second.

``--rehearse`` plays the whole thing on the processor with tiny models and a counter in
the card's place. Its file says so, and its figures mean nothing.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.gpu_suite import Setting, rehearsal, suite
from core.durable import replace_text
from core.estimate.memory import estimate
from core.estimate.outside import workspace_bytes
from core.hardware.budget import (
    DeviceBudget,
    chosen_card,
    cpu_budget,
    device_environment,
    of_gpu,
)
from core.hardware.machine import segments_grow
from core.plan.codec import to_toml
from core.planner.forecast import forecast
from core.units import bytes_text

ROOT = Path(__file__).resolve().parents[1]
_CHILD_LIMIT_S = 1800
# Settings whose lower bound is so far above the card are not tried.
_HOPELESS = 1.1
_ON_ANY_DEVICE = frozenset({"allocated", "dry_run_allocated", "tokens_per_s"})

Runner = Callable[[Setting, DeviceBudget], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """The device and how a setting is run on it."""

    budget: DeviceBudget
    run: Runner
    pretended: bool = False


def predicted(setting: Setting, budget: DeviceBudget) -> dict[str, Any]:
    """Return what formula, dry run and forecast say, before anything is run."""
    from core.engine.dryrun import dry_run
    from core.estimate.loop import compute_dtype

    plan, shape = setting.plan, setting.shape
    found = estimate(plan, shape, budget, loop=setting.loop)
    capability = budget.compute_capability
    dry = dry_run(
        setting.config,
        plan,
        dtype=compute_dtype(plan, budget),
        has_flash=capability is None or capability >= (8, 0),
        loop=setting.loop,
    )
    exact = estimate(plan, shape, budget, loop=setting.loop, measured_tensors=dry.peak)
    speed = forecast(plan, shape, budget)
    return {
        "allocated": found.allocated,
        "reserved": found.reserved,
        "process": found.process,
        "low": found.low,
        "high": found.high,
        "verdict": found.verdict,
        "dry_run_tensors": dry.peak,
        "dry_run_allocated": exact.allocated,
        "dry_run_process": exact.process,
        "tokens_per_s": None if speed is None else speed.tokens_per_s,
    }


def capped(setting: Setting, budget: DeviceBudget) -> DeviceBudget:
    """Return the card as it is, or as small as the setting pretends it to be."""
    if setting.cap_bytes is None:
        return budget
    return replace(
        budget, total=setting.cap_bytes, free=setting.cap_bytes, processes=()
    )


def child_runner(*, pretend: bool) -> Runner:
    """Return what runs a setting in a process of its own."""

    def run(setting: Setting, budget: DeviceBudget) -> dict[str, Any]:
        allowed = setting.cap_bytes
        if allowed is not None and not pretend:
            # The cap is the whole card's: torch gets what the context leaves of it.
            raw = estimate(setting.plan, setting.shape, budget, loop=setting.loop)
            allowed -= raw.process - raw.reserved
        given = {
            "config": dict(setting.config),
            "plan": to_toml(setting.plan),
            "loop": setting.loop,
            "cap_bytes": allowed,
            "pretend": pretend,
        }
        return _in_child(given, growing=setting.loop == "tunesmith")

    return run


def _in_child(given: Mapping[str, Any], *, growing: bool) -> dict[str, Any]:
    environment = {**os.environ, **device_environment()}
    if growing and sys.platform == "linux" and segments_grow():  # as core.worker does
        environment["PYTORCH_ALLOC_CONF"] = "expandable_segments:True"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.gpu_child"],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment,
            timeout=_CHILD_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"outcome": f"no answer after {_CHILD_LIMIT_S} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        return {"outcome": "crashed", "said": done.stderr[-2000:]}
    return json.loads(lines[-1])


# -- the record ----------------------------------------------------------------------


def go_through(
    settings: Sequence[Setting], rig: Rig, out: Path, *, until: float
) -> list[dict[str, Any]]:
    """Predict and run every setting that `out` does not hold yet; return all rows."""
    kept = _read(out)
    for setting in settings:
        if setting.key in kept or time.monotonic() > until:
            continue
        budget = capped(setting, rig.budget)
        print(setting.key, flush=True)
        before = predicted(setting, budget)
        if before["low"] > budget.free * _HOPELESS and not rig.pretended:
            after: dict[str, Any] = {"outcome": "not tried: far too large"}
        else:
            after = rig.run(setting, budget)
        kept[setting.key] = {
            "key": setting.key,
            "cap": setting.cap_bytes,
            "loop": setting.loop,
            "predicted": before,
            "measured": after,
        }
        _write(out, rig, list(kept.values()))
    return list(kept.values())


def _read(out: Path) -> dict[str, dict[str, Any]]:
    if not out.exists():
        return {}
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    return {row["key"]: row for row in rows}


def _write(out: Path, rig: Rig, rows: list[dict[str, Any]]) -> None:
    whole = {
        "device": "a processor" if rig.pretended else rig.budget.name,
        "compute_capability": rig.budget.compute_capability,
        "total": None if rig.pretended else rig.budget.total,
        "is_rehearsal": rig.pretended,
        "note": "A rehearsal on a processor: nothing was run on a GPU."
        if rig.pretended
        else "",
        "system": platform.system(),
        "versions": _versions(),
        "workspace_bytes": workspace_bytes(rig.budget),
        "summary": summary(rows),
        "rows": rows,
    }
    replace_text(out, json.dumps(whole, indent=1) + "\n")


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    names = ("torch", "transformers", "peft", "bitsandbytes")
    return {name: version(name) for name in names}


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return errors in percent, verdicts that were wrong, and what tables need."""
    done = [row for row in rows if row["measured"]["outcome"] == "done"]
    errors = {
        f"{name} against {against}": _spread(
            [
                100 * (row["predicted"][name] / row["measured"][against] - 1)
                for row in done
                if row["measured"].get(against) and row["predicted"].get(name)
                # a processor reserves nothing and has no context
                if row["measured"]["process"] or name in _ON_ANY_DEVICE
            ]
        )
        for name, against in (
            ("allocated", "allocated"),
            ("dry_run_allocated", "allocated"),
            ("reserved", "reserved"),
            ("process", "process"),
            ("tokens_per_s", "tokens_per_s"),
        )
    }
    contexts = [c for row in done if (c := row["measured"].get("context"))]
    return {
        "runs": len(rows),
        "outcomes": _counted(row["measured"]["outcome"] for row in rows),
        "errors_percent": {name: found for name, found in errors.items() if found},
        "outside_bounds": [
            row["key"]
            for row in done
            if (process := row["measured"].get("process"))
            and not row["predicted"]["low"] <= process <= row["predicted"]["high"]
        ],
        "called_fits_but_did_not": [
            row["key"]
            for row in rows
            if row["measured"]["outcome"] == "out of memory"
            and row["predicted"]["verdict"] in {"fits", "tight"}
        ],
        "called_too_large_but_ran": [
            row["key"]
            for row in done
            if row["predicted"]["verdict"] not in {"fits", "tight"}
        ],
        "context_bytes": [min(contexts), max(contexts)] if contexts else None,
    }


def _spread(errors: Sequence[float]) -> dict[str, float] | None:
    if not errors:
        return None
    sizes = sorted(abs(error) for error in errors)
    return {
        "rows": len(errors),
        "median": statistics.median(sizes),
        "p95": sizes[min(len(sizes) - 1, int(0.95 * len(sizes)))],
        "most_under": min(errors),
        "most_over": max(errors),
    }


def _counted(words: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for word in words:
        found[word] = found.get(word, 0) + 1
    return found


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return one line a run: predicted, measured, error."""
    lines = [f"{'run':64s} {'said':>10s} {'took':>10s} {'error':>8s}  verdict, outcome"]
    for row in rows:
        said, took = row["predicted"], row["measured"]
        against = "process" if took.get("process") else "allocated"
        real = took.get(against)
        words = f"{bytes_text(said[against]):>10s}"
        words += f" {bytes_text(real):>10s}" if real else f" {'-':>10s}"
        off = f"{100 * (said[against] / real - 1):+7.2f}%" if real else "-"
        words += f" {off:>8s}"
        lines.append(f"{row['key']:64s} {words}  {said['verdict']}, {took['outcome']}")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Go through a suite; return 1 where there is no card or a verdict was wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--suite", choices=("small", "full"), default="small")
    parser.add_argument("--loop", choices=("tunesmith", "plain"), default="tunesmith")
    parser.add_argument("--limit-minutes", type=float, default=float("inf"))
    parser.add_argument("--rehearse", action="store_true")
    chosen = parser.parse_args(arguments)
    card = chosen_card()
    if card is None and not chosen.rehearse:
        print("No NVIDIA card that torch can drive. --rehearse needs none.")
        return 1
    if card is None or chosen.rehearse:
        rig = Rig(budget=cpu_budget(), run=child_runner(pretend=True), pretended=True)
        settings = list(rehearsal(chosen.loop))
    else:
        rig = Rig(budget=of_gpu(card), run=child_runner(pretend=False))
        settings = list(suite(chosen.suite, chosen.loop))
    until = time.monotonic() + 60 * chosen.limit_minutes
    rows = go_through(settings, rig, chosen.out, until=until)
    print(table(rows))
    found = summary(rows)
    print(json.dumps(found, indent=1))
    return 1 if found["called_fits_but_did_not"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
