"""How well the forecast of tokens a second meets published runs, row by row.

    python -m benchmarks.speed [--json FILE]

No constant of `core.planner.forecast` was fitted to a row; its two shares of the product
rate (GeForce, all others) were settled with these in sight. They are other people's loops (plain Trainer, FlashAttention 2), so what
is slower in them than here counts against the forecast all the same.

Sources: QwenLM/Qwen README, "Profiling of memory and speed" (one A100-SXM4-80G, batch 1,
8 accumulated, rank 64; its Q-LoRA runs GPTQ kernels, not bitsandbytes: shown, not
counted); AnswerDotAI/fsdp_qlora benchmarks_03_2024.md (two cards, data parallel, 1,024
rows of 2,048 tokens; per card); huggingface/peft method_comparison/MetaMathQA (L40S,
Llama-3.2-3B, tokens a second of its first 250 steps, rows of about 210 tokens).
"""

import argparse
import json
import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.hardware.budget import device_budget
from core.models.catalogue import catalogue_shape
from core.models.reading import read_shape
from core.models.shape import ModelShape
from core.plan.plan import Method, MethodKind, Plan, Training
from core.planner.forecast import Forecast, forecast

_QWEN: dict[str, dict[str, Any]] = {
    "Qwen-1.8B": {"hidden_size": 2048, "intermediate_size": 5504,
                  "num_hidden_layers": 24, "num_attention_heads": 16},
    "Qwen-7B": {"hidden_size": 4096, "intermediate_size": 11008,
                "num_hidden_layers": 32, "num_attention_heads": 32},
    "Qwen-14B": {"hidden_size": 5120, "intermediate_size": 13696,
                 "num_hidden_layers": 40, "num_attention_heads": 40},
}  # fmt: skip
_QWEN_LENGTHS = (256, 512, 1024, 2048, 4096, 8192)
# Seconds for eight micro-batches.
_QWEN_SECONDS: tuple[tuple[str, MethodKind, tuple[float | None, ...]], ...] = (
    ("Qwen-1.8B", "lora", (None, None, None, None, 3.3, 6.8)),
    ("Qwen-7B", "lora", (1.2, 1.5, 2.8, 5.2, 10.1, 21.3)),
    ("Qwen-14B", "lora", (1.6, 2.4, 4.4, 8.4, 17.0, 36.0)),
    ("Qwen-1.8B", "qlora", (1.4, 1.4, 1.4, 2.0, 3.4, 6.5)),
    ("Qwen-7B", "qlora", (3.0, 3.0, 3.5, 7.0, 11.6, 22.3)),
    ("Qwen-14B", "qlora", (5.3, 6.3, 8.2, 11.8, 20.1, 38.3)),
)
# Card, method, batch, seconds of both cards together.
_FSDP_QLORA: tuple[tuple[str, MethodKind, int, float], ...] = (
    ("RTX 3090", "lora", 4, 881),
    ("RTX 3090", "qlora", 8, 875),
    ("RTX 4090", "lora", 4, 437),
    ("RTX 4090", "qlora", 8, 450),
)
_ALL_BUT_DOWN = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One published run beside its forecast."""

    name: str
    measured: float
    """Tokens a second."""
    found: Forecast
    counted: bool = True

    @property
    def ratio(self) -> float:
        return self.measured / self.found.tokens_per_s

    @property
    def within(self) -> bool:
        return self.found.low <= self.measured <= self.found.high


def rows() -> list[Row]:
    """Return every published run with its forecast."""
    return [*_qwen(), *_fsdp_qlora(), *_peft()]


def _row(
    name: str,
    measured: float,
    shape: ModelShape,
    plan: Plan,
    gpu: str,
    *,
    row_tokens: float | None = None,
    counted: bool = True,
) -> Row:
    budget = device_budget(gpu_name=gpu)
    found = forecast(plan, shape, budget, row_tokens=row_tokens)
    if found is None:
        raise LookupError(gpu)
    return Row(name=name, measured=measured, found=found, counted=counted)


def _qwen() -> Iterator[Row]:
    for model, kind, seconds in _QWEN_SECONDS:
        shape = read_shape(
            {
                "model_type": "qwen2", "vocab_size": 151936, "tie_word_embeddings": False,
                "max_position_embeddings": 8192, **_QWEN[model],
                "num_key_value_heads": _QWEN[model]["num_attention_heads"],
            }
        )  # fmt: skip
        for length, step_s in zip(_QWEN_LENGTHS, seconds, strict=True):
            if step_s is None:
                continue
            plan = Plan(
                method=Method(kind=kind, rank=64, target_modules=_ALL_BUT_DOWN),
                train=Training(
                    batch_size=1,
                    gradient_accumulation=8,
                    seq_len=length,
                    gradient_checkpointing=True,
                ),
            )
            yield _row(
                f"{model} {kind} {length} A100",
                8 * length / step_s,
                shape,
                plan,
                "A100 80GB",
                counted=kind == "lora",
            )


def _fsdp_qlora() -> Iterator[Row]:
    shape = _known("meta-llama/Llama-2-7b-chat-hf")
    for gpu, kind, batch, seconds in _FSDP_QLORA:
        plan = Plan(
            method=Method(kind=kind, rank=64),
            train=Training(
                batch_size=batch,
                gradient_accumulation=1,
                seq_len=2048,
                gradient_checkpointing=True,
            ),
        )
        measured = 1024 * 2048 / seconds / 2
        yield _row(f"Llama-2-7B {kind} {batch}x2048 {gpu}", measured, shape, plan, gpu)


def _peft() -> Iterator[Row]:
    plan = Plan(
        method=Method(kind="lora", rank=32, target_modules=("q_proj", "v_proj")),
        train=Training(batch_size=4, gradient_accumulation=1, seq_len=768),
    )
    shape = _known("meta-llama/Llama-3.2-3B")
    name = "Llama-3.2-3B lora 4x210 L40S"
    yield _row(name, 6744, shape, plan, "L40S", row_tokens=210)


def _known(model: str) -> ModelShape:
    shape = catalogue_shape(model)
    if shape is None:
        raise LookupError(model)
    return shape


def summary(found: list[Row]) -> dict[str, Any]:
    """Return how far measured and forecast are apart, over the counted rows."""
    counted = [row for row in found if row.counted]
    off = [abs(math.log(row.ratio)) for row in counted]
    return {
        "rows": len(counted),
        "median_ratio": statistics.median(row.ratio for row in counted),
        "median_factor": math.exp(statistics.median(off)),
        "worst_factor": math.exp(max(off)),
        "within_bounds": sum(row.within for row in counted),
    }


def main() -> None:
    """Print every row and the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    found = rows()
    for row in found:
        note = "" if row.counted else "  (GPTQ kernels: not counted)"
        bounds = f"{row.found.low:8.0f} – {row.found.high:8.0f}"
        print(
            f"{row.name:34} measured {row.measured:7.0f}  forecast"
            f" {row.found.tokens_per_s:7.0f}  ({bounds})  {row.ratio:5.2f}{note}"
        )
    told = summary(found)
    print(json.dumps(told, indent=1))
    if arguments.json is not None:
        lines = [
            {"name": row.name, "measured": row.measured, "counted": row.counted,
             "forecast": row.found.tokens_per_s, "low": row.found.low,
             "high": row.found.high}
            for row in found
        ]  # fmt: skip
        arguments.json.write_text(
            json.dumps({"summary": told, "rows": lines}, indent=1)
        )


if __name__ == "__main__":
    main()
