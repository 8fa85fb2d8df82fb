"""What other tools answer for the same rows. Facts and formulas, written anew.

* fitcheck-llm 0.3.1 (MIT): its own code, in a Python that has it, asked as a child.
* accelerate ``estimate-memory``: its own functions on the model built without weights.
  For training it knows full fine-tuning with Adam; for 4 bits, only loading.
* Unsloth Studio: the badge (0.90 GB a billion parameters and 1.4 GB in 4 bits, 2 GB a
  billion in 16), and the formula behind it: 0.625 bytes a quantised weight, 2 of 16 bits,
  adapter in 16 bits, 4 bytes of optimiser states and 2 of gradients a trained weight,
  ``1.25 * 2 * T * (H + 2K + 2 + 2M)`` of activations for one layer with checkpointing and
  for each without, 1.4 GB of CUDA. No logits.
* LLaMA-Factory's README: 2 GB a billion parameters for LoRA in 16 bits, half a GB in 4.
* gpu_poor (App.js of 2024-12-03): every shape taken for a Llama with full-width keys; a
  fixed adapter of rank 8 on one layer's width; eager scores whatever the kernel; 15 % of
  the activations with checkpointing; 650 MiB of CUDA. No logits.
* MLX LoRA Studio (MemoryEstimator.swift): parameters read out of the model's name, sizes
  guessed from them, activations by batch times accumulation, 1.5 GB of framework, 15 %
  on top. It is made for Macs and stands here because it alone shows a live figure.
"""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.estimate_rows import Published
from core.estimate.static import adapter_tensors
from core.models.shape import FeedForward, ModelShape
from core.units import GIB, MIB

_ASK_FITCHECK = """
import json, sys
from fitcheck.config_parser import ModelConfig
from fitcheck.estimator import TrainingConfig, estimate
from fitcheck.gpu_db import get_gpu
said = []
for asked in json.load(sys.stdin):
    found = estimate(
        ModelConfig(**asked["model"]), TrainingConfig(**asked["training"]), get_gpu("t4")
    )
    said.append([found.total_mib, found.overhead_mib, found.verdict])
print(json.dumps(said))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Another tool's answer in bytes; None where it has none."""

    process: float | None
    allocated: float | None = None
    verdict: str = ""


def rules(row: Published) -> dict[str, Said]:
    """Return the answers of those whose rules are formulas."""
    billions = row.shape.parameters / 1e9
    four_bit = row.plan.method.kind == "qlora"
    return {
        "unsloth studio badge": Said(
            process=(billions * 0.9 + 1.4 if four_bit else billions * 2.0) * 1e9
        ),
        "unsloth studio formula": Said(process=_unsloth(row)),
        "llama-factory readme": Said(process=billions * (0.5 if four_bit else 2) * 1e9),
        "gpu_poor": Said(process=_gpu_poor(row)),
        "mlx lora studio": Said(process=_mlx_studio(row)),
    }


def _unsloth(row: Published) -> float:
    shape, plan = row.shape, row.plan
    quantised = sum(linear.elements * count for linear, count in shape.linears())
    weights = 2.0 * shape.parameters
    if plan.method.kind == "qlora":
        weights = 0.625 * quantised + 2 * (shape.parameters - quantised)
    trained = sum(n * count for n, count in adapter_tensors(shape, plan.method))
    tokens = plan.train.batch_size * plan.train.seq_len
    key = shape.blocks[0].attention.key
    layer = 2.5 * tokens * (shape.hidden + 2 * key + 2 + 2 * _width(shape))
    layers = 1 if plan.train.gradient_checkpointing else shape.layers
    return weights + (2 + 4 + 2) * trained + layers * layer + 1.4e9


def _gpu_poor(row: Published) -> float:
    shape, train = row.shape, row.plan.train
    layers, hidden, width = shape.layers, shape.hidden, _width(shape)
    parameters = 2 * shape.vocabulary * hidden + layers * hidden * (
        4 * hidden + 3 * width
    )
    if row.plan.method.kind == "qlora":
        weights = parameters * (0.5 - 2 / 64 + 0.06 * 2)
        length = 50 * max(train.seq_len / 50, 1) ** 0.5
        workspace = 0.75 * (15 * hidden + 6 * width) * layers * length
        trained = layers * 8 * hidden * 0.5 * 4 * 3 + workspace * train.batch_size
    else:
        weights = parameters * 2.0
        trained = layers * 8 * hidden * 2 * 4 * 3 * 2.0
    a_token = 32 * hidden + 12 * width + 8
    a_pair = 8 * shape.blocks[0].attention.heads
    activations = layers * train.batch_size * train.seq_len
    activations *= a_token + a_pair * train.seq_len
    kept = 0.15 if train.gradient_checkpointing else 1.0
    return weights + trained + kept * activations + 650 * MIB


_NAMED = re.compile(r"(\d+(?:\.\d+)?)\s*([BM])\b", re.IGNORECASE)
_GUESSES = (  # below so many parameters: hidden size, layers
    (1e9, 1024, 12),
    (3e9, 1536, 24),
    (8e9, 2560, 36),
    (15e9, 4096, 40),
    (35e9, 5120, 48),
    (80e9, 8192, 80),
    (float("inf"), 12288, 96),
)


def _mlx_studio(row: Published) -> float:
    method, train = row.plan.method, row.plan.train
    named = _NAMED.search(row.model.rpartition("/")[2])
    parameters, hidden, layers = 0.0, 2048, 16
    if named:
        parameters = float(named[1]) * (1e9 if named[2] in "bB" else 1e6)
        hidden, layers = next(
            (hidden, max(16, layers))
            for below, hidden, layers in _GUESSES
            if parameters < below
        )
    adapter = layers * 7 * max(method.rank, 1) * hidden * 2 * 2
    states = adapter * 4 * 2 if named else 0
    tokens = train.batch_size * train.gradient_accumulation * train.seq_len
    seen = 1 if train.gradient_checkpointing else layers
    weights = parameters * (0.5 if method.kind == "qlora" else 2.0)
    whole = weights + states + adapter + tokens * hidden * 2 * seen * 4 + 1.5e9
    return whole * 1.15


def accelerate_says(rows: Sequence[Published]) -> list[Said]:
    """Return what accelerate's ``estimate-memory`` reports, by its own functions."""
    import torch
    from accelerate.commands.estimate import estimate_training_usage
    from accelerate.utils import calculate_maximum_sizes
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM

    sizes: dict[str, int] = {}
    said: list[Said] = []
    for row in rows:
        if row.model not in sizes:
            options = {k: v for k, v in row.config.items() if k != "model_type"}
            made: Any = CONFIG_MAPPING[str(row.config["model_type"])](**options)
            with torch.device("meta"):
                model = AutoModelForCausalLM.from_config(made, dtype=torch.float32)
            sizes[row.model] = int(calculate_maximum_sizes(model)[0])
        total = sizes[row.model]
        if row.plan.method.kind == "qlora":
            said.append(Said(process=total / 8))  # int4: training "N/A", loading only
        else:
            usage = estimate_training_usage(total, "float16")
            said.append(Said(process=max(usage.values())))
    return said


def fitcheck_says(python: str, rows: Sequence[Published]) -> list[Said]:
    """Return fitcheck-llm's answers; `python` is an interpreter that has it."""
    asked = [{"model": _sizes(row.shape), "training": _training(row)} for row in rows]
    done = subprocess.run(
        [python, "-c", _ASK_FITCHECK],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        Said(
            process=total * MIB,
            allocated=(total - overhead) * MIB,
            verdict=str(verdict),
        )
        for total, overhead, verdict in json.loads(done.stdout)
    ]


def _sizes(shape: ModelShape) -> Mapping[str, Any]:
    block = shape.blocks[0]
    return {
        "name": shape.architecture,
        "num_params": shape.parameters,
        "hidden_size": shape.hidden,
        "num_layers": shape.layers,
        "num_attention_heads": block.attention.heads,
        "num_kv_heads": block.attention.kv_heads,
        "intermediate_size": _width(shape),
        "vocab_size": shape.vocabulary,
        "head_dim": block.attention.head_dim,
        "tie_word_embeddings": shape.tied,
    }


def _width(shape: ModelShape) -> int:
    mlp = shape.blocks[0].mlp
    return mlp.width if isinstance(mlp, FeedForward) else shape.hidden


def _training(row: Published) -> Mapping[str, Any]:
    method, train = row.plan.method, row.plan.train
    return {
        "precision": "fp16",
        "quantization": "nf4" if method.kind == "qlora" else "none",
        "double_quant": method.kind == "qlora" and method.double_quant,
        "batch_size": train.batch_size,
        "seq_len": train.seq_len,
        "lora_rank": method.rank,
        "lora_targets": list(method.target_modules),
        "grad_checkpoint": train.gradient_checkpointing,
        "flash_attn": train.attention != "eager",
    }


def shares(errors: Sequence[float]) -> str:
    """Return how many rows lie within 2, 5 and 10 percent, in words."""
    within = [sum(abs(error) <= limit for error in errors) for limit in (2, 5, 10)]
    return " / ".join(f"{count}" for count in within)


def gib(n_bytes: float) -> float:
    return n_bytes / GIB
