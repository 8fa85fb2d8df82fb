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
"""

import json
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
    }


def _unsloth(row: Published) -> float:
    shape, plan = row.shape, row.plan
    quantised = sum(linear.elements * count for linear, count in shape.linears())
    weights = 2.0 * shape.parameters
    if plan.method.kind == "qlora":
        weights = 0.625 * quantised + 2 * (shape.parameters - quantised)
    trained = sum(n * count for n, count in adapter_tensors(shape, plan.method))
    tokens = plan.train.batch_size * plan.train.seq_len
    block = shape.blocks[0]
    width = block.mlp.width if isinstance(block.mlp, FeedForward) else shape.hidden
    layer = 2.5 * tokens * (shape.hidden + 2 * block.attention.key + 2 + 2 * width)
    layers = 1 if plan.train.gradient_checkpointing else shape.layers
    return weights + (2 + 4 + 2) * trained + layers * layer + 1.4e9


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
    width = block.mlp.width if isinstance(block.mlp, FeedForward) else shape.hidden
    return {
        "name": shape.architecture,
        "num_params": shape.parameters,
        "hidden_size": shape.hidden,
        "num_layers": shape.layers,
        "num_attention_heads": block.attention.heads,
        "num_kv_heads": block.attention.kv_heads,
        "intermediate_size": width,
        "vocab_size": shape.vocabulary,
        "head_dim": block.attention.head_dim,
        "tie_word_embeddings": shape.tied,
    }


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
