"""Our estimate against published measurements, row by row, with signed errors.

    python -m benchmarks.estimate CSV [--dry-runs N] [--json OUT]

CSV is a table of published runs with the columns model, method, r, targets, seq_len,
micro_batch, attention, gpu, measured_gb, what_is_measured and notes. Only rows that say
everything needed to reproduce them are scored: the Tesla T4 runs of fitcheck-llm 0.3.1.
Beside ours stand the rules of other tools on the same rows. ``--dry-runs`` draws N random
settings over many architectures and sets the formula against a dry run of our engine.
"""

import argparse
import csv
import json
import random
import re
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.estimate.memory import estimate
from core.hardware.budget import device_budget
from core.models.catalogue import catalogue_config, catalogue_shape
from core.models.shape import ModelShape
from core.plan.plan import Method, Plan, Training
from core.units import GIB

_DRY_RUN_MODELS = (
    "HuggingFaceTB/SmolLM2-360M",
    "meta-llama/Llama-3.2-1B",
    "Qwen/Qwen2.5-1.5B-Instruct",
    "Qwen/Qwen3-4B",
    "mistralai/Mistral-7B-v0.3",
    "google/gemma-2b-it",
    "google/gemma-2-2b",
    "google/gemma-3-1b-it",
    "microsoft/phi-4",
    "microsoft/phi-2",
    "EleutherAI/pythia-410m",
    "allenai/OLMo-2-0425-1B-Instruct",
    "ibm-granite/granite-3.1-2b-instruct",
    "stabilityai/stablelm-2-1_6b-chat",
    "bigcode/starcoder2-3b",
    "openai-community/gpt2-medium",
)
_ALIASES = {
    "SmolLM2-135M": "HuggingFaceTB/SmolLM2-135M",
    "SmolLM2-360M": "HuggingFaceTB/SmolLM2-360M",
    "SmolLM2-1.7B": "HuggingFaceTB/SmolLM2-1.7B",
    "Qwen2.5-1.5B-Instruct": "Qwen/Qwen2.5-1.5B-Instruct",
    "Qwen2.5-7B-Instruct": "Qwen/Qwen2.5-7B-Instruct",
    "TinyLlama-1.1B-Chat-v1.0": "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
    "Mistral-7B-v0.3": "mistralai/Mistral-7B-v0.3",
    "deepseek-coder-1.3b-base": "deepseek-ai/deepseek-coder-1.3b-instruct",
    "deepseek-coder-1.3b-instruct": "deepseek-ai/deepseek-coder-1.3b-instruct",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One row: measured and predicted GiB, signed errors in percent."""

    model: str
    method: str
    attention: str
    batch: int
    length: int
    allocated: float
    allocated_error: float
    process: float | None
    process_error: float | None
    low: float
    high: float
    verdict: str


def plan_of(row: dict[str, str]) -> Plan:
    """Return the plan a published row describes."""
    targets = tuple(f"{name}_proj" for name in row["targets"].split(","))
    quantised = row["method"].startswith("nf4")
    return Plan(
        method=Method(
            kind="qlora" if quantised else "lora",
            rank=int(row["r"]),
            target_modules=targets,
            double_quant="no dq" not in row["method"],
            compute_dtype="fp16",
        ),
        train=Training(
            batch_size=int(row["micro_batch"]),
            seq_len=int(row["seq_len"]),
            gradient_accumulation=1,
            gradient_checkpointing=row["grad_ckpt"].startswith("yes"),
            attention="eager" if row["attention"].startswith("eager") else "sdpa",
        ),
    )


def shape_named(model: str) -> ModelShape | None:
    """Return the shape of a published row's model, if the catalogue has it."""
    name = model.rpartition("/")[2]
    return catalogue_shape(model) or catalogue_shape(_ALIASES.get(name, ""))


def score(row: dict[str, str]) -> Scored | None:
    """Return the row's errors, or None if it cannot be reproduced."""
    shape = shape_named(row["model"])
    if shape is None:
        return None
    found = estimate(plan_of(row), shape, device_budget(gpu_name="T4"), loop="plain")
    measured = float(row["measured_gb"]) * GIB
    process = re.search(r"process ([\d.]+) GiB", row["notes"])
    whole = float(process.group(1)) * GIB if process else None
    return Scored(
        model=row["model"].rpartition("/")[2],
        method="qlora" if row["method"].startswith("nf4") else "lora",
        attention=row["attention"].split()[0],
        batch=int(row["micro_batch"]),
        length=int(row["seq_len"]),
        allocated=measured / GIB,
        allocated_error=100 * (found.allocated / measured - 1),
        process=whole / GIB if whole else None,
        process_error=100 * (found.process / whole - 1) if whole else None,
        low=found.low / GIB,
        high=found.high / GIB,
        verdict=found.verdict,
    )


def rivals(row: dict[str, str], shape: ModelShape) -> dict[str, float]:
    """Return other tools' answers for a row, in bytes.

    Formulas as published, written anew: accelerate ``estimate-memory`` (four times the
    16-bit weights for training with Adam), LLaMA-Factory's README (2 GB a billion
    parameters for 16-bit LoRA, half for 4 bits), Unsloth Studio's badge (0.90 GB a
    billion and 1.4 GB for 4 bits, 2 GB a billion for 16).
    """
    billions = shape.parameters / 1e9
    four_bit = row["method"].startswith("nf4")
    return {
        "accelerate": 4 * 2 * shape.parameters,
        "llama-factory": billions * (0.5 if four_bit else 2.0) * 1e9,
        "unsloth badge": (billions * 0.9 + 1.4 if four_bit else billions * 2.0) * 1e9,
    }


def rival_errors(rows: Sequence[dict[str, str]]) -> dict[str, list[float]]:
    """Return the signed errors of other tools against the whole process, in percent."""
    found: dict[str, list[float]] = {}
    for row in rows:
        shape = shape_named(row["model"])
        process = re.search(r"process ([\d.]+) GiB", row["notes"])
        if shape is None or process is None:
            continue
        measured = float(process.group(1)) * GIB
        for name, n_bytes in rivals(row, shape).items():
            found.setdefault(name, []).append(100 * (n_bytes / measured - 1))
    return found


def dry_run_errors(count: int, seed: int = 1) -> list[float]:
    """Return the formula's signed errors against `count` dry runs, in percent."""
    from core.engine.dryrun import dry_run
    from core.estimate.loop import habits
    from core.estimate.memory import tensors

    chance = random.Random(seed)
    card, errors = device_budget(gpu_name="RTX 4090"), list[float]()
    for _ in range(count):
        name = chance.choice(_DRY_RUN_MODELS)
        plan = _random_plan(chance)
        real = catalogue_config(name)
        shape = catalogue_shape(name)
        assert real is not None
        assert shape is not None
        began = time.perf_counter()
        formula = tensors(plan, shape, habits(plan, card, "tunesmith"))
        took_ms = 1000 * (time.perf_counter() - began)
        dry = dry_run(real, plan, dtype="bf16")
        errors.append(100 * (formula / dry.peak - 1))
        train = plan.train
        print(
            f"{name:40s} {plan.method.kind:6s} {train.batch_size} x {train.seq_len:5d}"
            f" {dry.peak / GIB:8.3f} GiB {errors[-1]:+7.3f} %  {took_ms:.1f} ms",
            flush=True,
        )
    return errors


def _random_plan(chance: random.Random) -> Plan:
    return Plan(
        method=Method(
            kind=chance.choice(["lora", "qlora"]),
            rank=chance.choice([8, 16, 64, 128]),
            dropout=chance.choice([0.0, 0.0, 0.05]),
        ),
        train=Training(
            batch_size=chance.choice([1, 2, 4]),
            seq_len=chance.choice([256, 512, 1024, 2048]),
            gradient_accumulation=chance.choice([1, 8]),
            gradient_checkpointing=chance.random() < 0.6,
            attention=chance.choice(["sdpa", "sdpa", "sdpa", "eager"]),
            optimizer=chance.choice(["adamw_torch", "adamw_8bit"]),
        ),
    )


def summary(errors: Sequence[float]) -> dict[str, float]:
    """Return median, 95th percentile and worst of the absolute errors, in percent."""
    sizes = sorted(abs(error) for error in errors)
    return {
        "rows": len(sizes),
        "mean_signed": statistics.fmean(errors),
        "median": statistics.median(sizes),
        "p95": sizes[min(len(sizes) - 1, int(0.95 * len(sizes)))],
        "worst": sizes[-1],
    }


def main(arguments: Sequence[str]) -> int:
    """Print the table and its summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", type=Path)
    parser.add_argument("--dry-runs", type=int, default=0, metavar="N")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    with chosen.csv.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if "fitcheck" in row["source"]]
    scored = [found for row in rows if (found := score(row))]
    for row in scored:
        whole = "" if row.process_error is None else f"{row.process_error:+7.2f} %"
        inside = row.process is None or row.low <= row.process <= row.high
        print(
            f"{row.model:28s} {row.method:6s} {row.attention:6s} {row.batch:3d} x"
            f" {row.length:5d}  {row.allocated:8.3f} GiB {row.allocated_error:+7.2f} %"
            f"  process {whole}  {'' if inside else 'OUTSIDE BOUNDS'}"
        )
    result: dict[str, Any] = {
        "allocated": summary([row.allocated_error for row in scored]),
        "process": summary(
            [e for row in scored if (e := row.process_error) is not None]
        ),
        "left_out": len(rows) - len(scored),
        **{f"rival: {n}": summary(e) for n, e in rival_errors(rows).items()},
    }
    if chosen.dry_runs:
        result["formula against dry run"] = summary(dry_run_errors(chosen.dry_runs))
    for name, figures in result.items():
        print(name, figures)
    if chosen.json:
        result["rows"] = [asdict(row) for row in scored]
        chosen.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
