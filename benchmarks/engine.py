"""Our training loop beside a plain peft + transformers loop: tokens per second, memory.

    python -m benchmarks.engine [--model DIR] [--steps 6] [--batch 4] [--method lora]

Both learn the same starter rows in the same batches from the same seed, each in a
process of its own, turn about, so that a busy machine slows both. Without a model the
starter's folder under TUNESMITH_HOME is used. Prints one JSON document.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from core.places import places

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 2
RANK, ALPHA, SEED, RATE = 16, 32, 42, 2e-4


def rows_of(model: Path, batch: int, steps: int) -> list[list[Any]]:
    """Return the rows of each step: the starter chats, as the worker would batch them."""
    from core.data.batches import batches
    from core.data.examples import examples
    from core.data.starter import starter_file
    from core.engine.tokenizer import open_tokenizer
    from core.plan.plan import DataChoice

    found = examples(
        DataChoice(files=(str(starter_file()),)),
        open_tokenizer(model),
        seq_len=512,
        seed=SEED,
    ).train
    order = batches([len(row.ids) for row in found], batch, SEED, 0)
    return [[found[number] for number in numbers] for numbers in order[:steps]]


def ours(model: Path, given: argparse.Namespace) -> dict[str, Any]:
    from core.engine.device import compute_for, use_physical_cores
    from core.engine.learner import Learner
    from core.engine.load import add_adapter, load_base
    from core.engine.meter import MemoryMeter
    from core.plan.plan import Method, Training

    use_physical_cores()
    steps = rows_of(model, given.batch, given.steps)
    compute = compute_for("auto")
    meter = MemoryMeter(compute)
    method = Method(kind=given.method, rank=RANK, alpha=ALPHA)
    base = load_base(
        model, compute=compute, quantization=method if given.method == "qlora" else None
    )
    learner = Learner(
        add_adapter(base, method, seed=SEED, base_name="benchmark"),
        training=Training(gradient_checkpointing=given.checkpointing),
        compute=compute,
        pad_id=0,
        watch=meter.watch,
    )

    def step(number: int, rows: list[Any]) -> float:
        learner.begin_step(rows)
        learner.accumulate(rows, step=number, number=0)
        return learner.apply(RATE).loss

    return measured(steps, step, meter)


def plain(model: Path, given: argparse.Namespace) -> dict[str, Any]:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    from core.engine.batch import trained_tokens
    from core.engine.device import compute_for, use_physical_cores
    from core.engine.meter import MemoryMeter

    use_physical_cores()
    steps = rows_of(model, given.batch, given.steps)
    compute = compute_for("auto")
    meter = MemoryMeter(compute)
    four_bits = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute.dtype,
    )
    base = AutoModelForCausalLM.from_pretrained(
        model,
        dtype=compute.dtype,
        quantization_config=four_bits if given.method == "qlora" else None,
    )
    torch.manual_seed(SEED)
    config = LoraConfig(
        r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    adapted = get_peft_model(base, config)
    if given.checkpointing:
        adapted.gradient_checkpointing_enable({"use_reentrant": False})
    adapted.train()
    weights = [weight for weight in adapted.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.0)

    def step(_: int, rows: list[Any]) -> float:
        width = max(len(row.ids) for row in rows)
        ids = [[*row.ids, *[0] * (width - len(row.ids))] for row in rows]
        mask = [[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in rows]
        labels = [
            [
                *(token if kept else -100 for token, kept in zip(row.ids, row.trained)),  # noqa: B905
                *[-100] * (width - len(row.ids)),
            ]
            for row in rows
        ]
        with compute.autocast():
            loss = adapted(
                input_ids=torch.tensor(ids, device=compute.device),
                attention_mask=torch.tensor(mask, device=compute.device),
                labels=torch.tensor(labels, device=compute.device),
                num_items_in_batch=trained_tokens(rows),
            ).loss
        meter.watch()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return measured(steps, step, meter)


def measured(steps: list[list[Any]], step: Any, meter: Any) -> dict[str, Any]:
    """Return figures of all steps but the first, which warms up."""
    losses = [step(1, steps[0])]
    cpu, began = time.process_time(), time.perf_counter()
    for number, rows in enumerate(steps[1:], start=2):
        losses.append(step(number, rows))
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    tokens = sum(len(row.ids) for rows in steps[1:] for row in rows)
    return {
        "tokens_per_s": tokens / seconds,
        "tokens_per_cpu_s": tokens / cpu_s,
        "peak_memory": meter.take()[0],
        "losses": losses,
    }


def child(which: str, arguments: list[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.engine", "--only", which, *arguments]
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--method", choices=["lora", "qlora"], default="lora")
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--only", choices=["ours", "plain"])
    given = parser.parse_args()
    model = given.model or places().models / "SmolLM2-135M-Instruct"
    if given.only:
        print(json.dumps((ours if given.only == "ours" else plain)(model, given)))
        return
    arguments = sys.argv[1:]
    rounds = [
        {which: child(which, arguments) for which in ("plain", "ours")}
        for _ in range(ROUNDS)
    ]
    result = {
        "method": given.method,
        "batch": given.batch,
        "steps": given.steps,
        "checkpointing": given.checkpointing,
        "threads": os.cpu_count(),
        "speed_ratio": ratio(rounds, "tokens_per_s"),
        "cpu_ratio": ratio(rounds, "tokens_per_cpu_s"),
        "memory_ratio": ratio(rounds, "peak_memory"),
        "largest_loss_difference": max(
            abs(one - other)
            for each in rounds
            for one, other in zip(
                each["ours"]["losses"], each["plain"]["losses"], strict=True
            )
        ),
        "rounds": rounds,
    }
    RESULTS.mkdir(exist_ok=True)
    name = f"engine_{given.method}_{given.batch}.json"
    (RESULTS / name).write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def ratio(rounds: list[dict[str, Any]], key: str) -> float:
    """Return the median of ours over plain, round by round."""
    return statistics.median(each["ours"][key] / each["plain"][key] for each in rounds)


if __name__ == "__main__":
    main()
