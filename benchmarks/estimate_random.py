"""The formula against dry runs of random settings over many architectures."""

import random
import time
from dataclasses import dataclass
from typing import Any

from core.estimate.answer import Loop
from core.hardware.budget import device_budget
from core.models.catalogue import catalogue_config, catalogue_shape
from core.plan.plan import Method, Plan, Training
from core.units import GIB

MODELS = (
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
# A card of Ada's, and one without bf16 and flash attention.
_PLACES: tuple[tuple[str, Any, Loop], ...] = (
    ("RTX 4090", "bf16", "tunesmith"),
    ("T4", "fp16", "tunesmith"),
    ("RTX 4090", "bf16", "plain"),
    ("T4", "fp16", "plain"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One setting: bytes by dry run, the formula's signed error in percent."""

    model: str
    words: str
    loop: Loop
    dry_run: int
    error: float
    formula_ms: float


def compare(count: int, seed: int = 1) -> list[Compared]:
    """Return `count` comparisons, printing each; every model comes at least once."""
    chance = random.Random(seed)
    order = [*chance.sample(MODELS, len(MODELS)), *chance.choices(MODELS, k=count)]
    return [_one(chance, model) for model in order[:count]]


def _one(chance: random.Random, model: str) -> Compared:
    from core.engine.dryrun import dry_run
    from core.estimate.loop import habits
    from core.estimate.memory import tensors

    card_name, dtype, loop = chance.choice(_PLACES)
    plan, card = random_plan(chance, dtype), device_budget(gpu_name=card_name)
    shape, config = catalogue_shape(model), catalogue_config(model)
    assert shape is not None
    assert config is not None
    began = time.perf_counter()
    formula = tensors(plan, shape, habits(plan, card, loop))
    took_ms = 1000 * (time.perf_counter() - began)
    dry = dry_run(
        config,
        plan,
        dtype=dtype,
        has_flash=(card.compute_capability or (0, 0)) >= (8, 0),
        loop=loop,
    )
    train, method = plan.train, plan.method
    found = Compared(
        model=model,
        words=f"{method.kind} r{method.rank} {train.batch_size} x {train.seq_len}"
        f"{' checkpointed' if train.gradient_checkpointing else ''} {train.attention}"
        f"{' dropout' if method.dropout else ''} {card_name}",
        loop=loop,
        dry_run=dry.peak,
        error=100 * (formula / dry.peak - 1),
        formula_ms=took_ms,
    )
    print(
        f"{model:40s} {loop:9s} {found.words:48s} {dry.peak / GIB:8.3f} GiB"
        f" {found.error:+7.3f} %  {took_ms:.1f} ms",
        flush=True,
    )
    return found


def random_plan(chance: random.Random, dtype: Any) -> Plan:
    return Plan(
        method=Method(
            kind=chance.choice(["lora", "qlora"]),
            rank=chance.choice([8, 16, 64, 128]),
            dropout=chance.choice([0.0, 0.0, 0.05]),
            compute_dtype=dtype,
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
