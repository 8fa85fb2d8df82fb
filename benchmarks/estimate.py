"""Both estimators against published measurements, row by row, beside other tools.

    python -m benchmarks.estimate CSV [--dry-runs N] [--no-row-dry-runs]
        [--fitcheck PYTHON] [--json OUT]

CSV is a table of published runs with the columns source, model, method, r, targets,
seq_len, micro_batch, grad_ckpt, attention, gpu, measured_gb, what_is_measured and notes.
Scored are the rows that say everything (class A: the Tesla T4 runs of fitcheck-llm);
those that leave something open (class B) are shown apart. For each row: the formula's
and the dry run's signed error of what torch handed out, and of the whole process. Then
every verdict is held to what the row took, on cards of many sizes. ``--dry-runs`` sets
the formula against dry runs of N random settings.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.estimate_random import compare
from benchmarks.estimate_rivals import Said, accelerate_says, fitcheck_says, rules
from benchmarks.estimate_rows import Published, read_rows, resident_differences
from core.estimate.answer import MemoryEstimate
from core.estimate.memory import estimate
from core.estimate.outside import workspace_bytes
from core.estimate.verdict import judge
from core.hardware.budget import DeviceBudget, device_budget
from core.units import GIB, MIB

# A card's free memory as a share of what a row's process took.
_SIZES = (0.9, 0.95, 0.98, 0.999, 1.02, 1.05, 1.1, 1.2, 1.3, 1.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One row: bytes measured, signed errors in percent."""

    words: str
    source: str
    allocated: int
    process: int | None
    formula: float
    formula_process: float | None
    dry_run: float | None
    dry_run_tensors: float | None
    """Its tensors and the libraries' workspaces alone, without the allocator."""
    dry_run_process: float | None
    low: int
    high: int
    verdict: str

    @property
    def is_inside(self) -> bool:
        return self.process is None or self.low <= self.process <= self.high


def score(row: Published, *, dry: bool) -> Scored:
    """Return the row's errors."""
    card = device_budget(gpu_name=row.card)
    found = estimate(row.plan, row.shape, card, loop=row.loop)
    ran = _by_dry_run(row, card) if dry else None
    bare = _dry_peak(row, card) + 2 * workspace_bytes(card) if dry else 0
    return Scored(
        words=row.words,
        source=row.source,
        allocated=row.measured,
        process=row.process,
        formula=_error(found.allocated, row.measured),
        formula_process=_error(found.process, row.process) if row.process else None,
        dry_run=_error(ran.allocated, row.measured) if ran else None,
        dry_run_tensors=_error(bare, row.measured) if ran else None,
        dry_run_process=_error(ran.process, row.process)
        if ran and row.process
        else None,
        low=found.low,
        high=found.high,
        verdict=found.verdict,
    )


_dry_peaks: dict[str, int] = {}


def _by_dry_run(row: Published, card: DeviceBudget) -> MemoryEstimate:
    """Return the estimate with the tensors of a plain loop's dry run."""
    return estimate(
        row.plan,
        row.shape,
        card,
        loop="plain",
        measured_tensors=_dry_peak(row, card),
    )


def _dry_peak(row: Published, card: DeviceBudget) -> int:
    from core.engine.dryrun import dry_run

    key = f"{row.words} {row.plan}"
    if key not in _dry_peaks:
        capability = card.compute_capability or (0, 0)
        _dry_peaks[key] = dry_run(
            row.config,
            row.plan,
            dtype="fp16" if row.plan.method.compute_dtype == "fp16" else "bf16",
            has_flash=capability >= (8, 0),
            loop="plain",
        ).peak
    return _dry_peaks[key]


def _error(said: float, real: float) -> float:
    return 100 * (said / real - 1)


def verdicts(rows: Sequence[Published]) -> dict[str, Any]:
    """Return what was called "fits" or "tight" on cards just too small and just enough.

    Every row is judged against cards whose free memory is a share of what its process
    took: below 1 it cannot fit, above 1 it did.
    """
    by_size: dict[str, str] = {}
    wrong: list[str] = []
    judged = [
        (row, row.process, estimate(row.plan, row.shape, card, loop="plain"))
        for row in rows
        if row.process and (card := device_budget(gpu_name=row.card))
    ]
    for size in _SIZES:
        fits = 0
        for row, process, found in judged:
            free = int(size * process)
            card = replace(device_budget(gpu_name=row.card), total=free, free=free)
            verdict, _ = judge(
                process=found.process, high=found.high, budget=card, known=True
            )
            if verdict in {"fits", "tight"}:
                fits += 1
                if size < 1:
                    wrong.append(f"{row.words} on {size:g} of what it took")
        by_size[f"{size:g}"] = f"{fits} of {len(judged)}"
    return {"called_fits_by_card_size": by_size, "called_fits_but_cannot": wrong}


def summary(errors: Sequence[float]) -> dict[str, float]:
    """Return the spread of signed errors, in percent."""
    sizes = sorted(abs(error) for error in errors)
    return {
        "rows": len(sizes),
        "mean_signed": statistics.fmean(errors),
        "median": statistics.median(sizes),
        "p95": sizes[min(len(sizes) - 1, int(0.95 * len(sizes)))],
        "worst": sizes[-1],
        "most_under": min(errors),
        "most_over": max(errors),
    }


def rivals(rows: Sequence[Published], fitcheck: str | None) -> dict[str, Any]:
    """Return the spread of other tools' errors against the whole process."""
    judged = [row for row in rows if row.process]
    by_name: dict[str, list[Said]] = {}
    for row in judged:
        for name, said in rules(row).items():
            by_name.setdefault(name, []).append(said)
    by_name["accelerate estimate-memory"] = accelerate_says(judged)
    if fitcheck:
        by_name["fitcheck-llm"] = fitcheck_says(fitcheck, judged)
    found: dict[str, Any] = {}
    for name, said in by_name.items():
        pairs = list(zip(said, judged, strict=True))
        found[name] = summary(
            [_error(s.process, row.process or 1) for s, row in pairs if s.process]
        )
        if any(s.allocated for s in said):
            found[f"{name}, allocated"] = summary(
                [_error(s.allocated, row.measured) for s, row in pairs if s.allocated]
            )
    return found


def line_of(row: Scored) -> str:
    """Return one line of the table."""

    def percent(error: float | None) -> str:
        return f"{error:+7.2f}" if error is not None else f"{'-':>7s}"

    return (
        f"{row.words}  {row.allocated / GIB:8.3f} GiB {percent(row.formula)}"
        f" {percent(row.dry_run)}   {(row.process or 0) / GIB:8.3f} GiB"
        f" {percent(row.formula_process)} {percent(row.dry_run_process)}"
        f"  {row.verdict}{'' if row.is_inside else ', OUTSIDE BOUNDS'}"
    )


def _summaries(scored: Sequence[Scored]) -> dict[str, Any]:
    columns = {
        "formula, allocated": [row.formula for row in scored],
        "dry run, allocated": [row.dry_run for row in scored],
        "dry run's tensors + workspaces": [row.dry_run_tensors for row in scored],
        "formula, process": [row.formula_process for row in scored],
        "dry run, process": [row.dry_run_process for row in scored],
    }
    return {
        name: summary(found)
        for name, errors in columns.items()
        if (found := [error for error in errors if error is not None])
    }


def show(title: str, figures: dict[str, dict[str, float]]) -> None:
    """Print a table of spreads."""
    print(
        f"\n{title:40s} {'rows':>5s} {'median':>8s} {'p95':>8s} {'worst':>8s} {'bias':>8s}"
    )
    for name, found in figures.items():
        print(
            f"{name:40s} {found['rows']:5d} {found['median']:8.2f} {found['p95']:8.2f}"
            f" {found['worst']:8.2f} {found['mean_signed']:+8.2f}"
        )


def main(arguments: Sequence[str]) -> int:
    """Print the tables; return 1 if something was called "fits" that cannot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("csv", type=Path)
    parser.add_argument("--dry-runs", type=int, default=0, metavar="N")
    parser.add_argument("--no-row-dry-runs", action="store_true")
    parser.add_argument("--fitcheck", metavar="PYTHON")
    parser.add_argument("--json", type=Path, metavar="OUT")
    chosen = parser.parse_args(arguments)
    rows, near, left_out = read_rows(chosen.csv)
    print(
        f"{'class A':44s} {'allocated':>17s} {'formula':>7s} {'dry run':>7s}"
        f" {'process':>15s} {'formula':>7s} {'dry run':>7s}"
    )
    scored: list[Scored] = []
    for row in rows:
        scored.append(score(row, dry=not chosen.no_row_dry_runs))
        print(line_of(scored[-1]), flush=True)
    ours = _summaries(scored)
    show("ours, error in %", ours)
    others = rivals(rows, chosen.fitcheck)
    show("others, process, error in %", others)
    judged = verdicts(rows)
    print("\nverdicts", json.dumps(judged, indent=1))
    print(
        "\nclass B: the true length or the loop's habits are not told; nothing is scored"
    )
    sanity = [score(row, dry=False) for row in near]
    for row in sanity:
        print(f"{row.source[:20]:20s} {line_of(row)}")
    resident = resident_differences(chosen.csv)
    print("\nresident bytes beside rank 32 (peft on an L40S): measured, predicted MiB")
    for words, (measured, predicted) in resident.items():
        print(f"{words:28s} {measured / MIB:+10.1f} {predicted / MIB:+10.1f}")
    compared = compare(chosen.dry_runs) if chosen.dry_runs else []
    if compared:
        show(
            "formula against dry run, error in %",
            {
                loop: summary([c.error for c in compared if c.loop == loop])
                for loop in sorted({c.loop for c in compared})
            },
        )
    if chosen.json:
        result = {
            **ours,
            "rows_not_read": left_out,
            "others": others,
            "verdicts": judged,
            "rows": [asdict(row) for row in scored],
            "class_b": [asdict(row) for row in sanity],
            "resident_differences_bytes": resident,
            "random": [asdict(found) for found in compared],
        }
        chosen.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 1 if judged["called_fits_but_cannot"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
