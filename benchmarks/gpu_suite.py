"""What `benchmarks.gpu_estimate` measures: models, methods, batches and caps."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.estimate.answer import Loop
from core.models.catalogue import catalogue_config
from core.models.reading import read_shape
from core.models.shape import ModelShape
from core.plan.codec import to_toml
from core.plan.plan import Method, MethodKind, Plan, Training
from core.units import GIB, bytes_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One run to predict and to measure."""

    model: str
    config: Mapping[str, Any]
    """The content of config.json."""
    plan: Plan
    loop: Loop = "tunesmith"
    cap_bytes: int | None = None
    """Pretend the card has only so much memory."""

    @property
    def key(self) -> str:
        """Return a name that is the same whenever the setting is."""
        cap = f" cap {bytes_text(self.cap_bytes)}" if self.cap_bytes else ""
        train, method = self.plan.train, self.plan.method
        words = (
            f"{self.model} {self.loop} {method.kind} r{method.rank} {train.batch_size}x"
            f"{train.seq_len}{' gc' if train.gradient_checkpointing else ''}{cap}"
        )
        exact = json.dumps([self.config, to_toml(self.plan)], sort_keys=True)
        return f"{words} {hashlib.sha256(exact.encode()).hexdigest()[:8]}"

    @property
    def shape(self) -> ModelShape:
        return read_shape(self.config)


_SMALL = ("meta-llama/Llama-3.2-1B", "Qwen/Qwen2.5-7B-Instruct")
_FULL = (
    "meta-llama/Llama-3.2-1B",
    "google/gemma-2-2b",
    "meta-llama/Llama-3.2-3B",
    "Qwen/Qwen3-4B",
    "Qwen/Qwen2.5-7B-Instruct",
    "meta-llama/Llama-3.1-8B",
    "microsoft/phi-4",
    "Qwen/Qwen2.5-32B-Instruct",
    "meta-llama/Llama-3.3-70B-Instruct",
)
_SMALL_LENGTHS = ((1, 512), (2, 2048))
_FULL_LENGTHS = ((1, 512), (4, 512), (1, 2048), (2, 2048), (1, 8192))
_CAPS_GIB = (8, 12, 16, 24)
# A cap is met by ever longer batches: some run, the last do not.
_CAP_LENGTHS = ((1, 512), (1, 2048), (2, 2048), (4, 2048), (4, 4096), (8, 4096))
_CAP_MODELS = ("meta-llama/Llama-3.2-3B", "Qwen/Qwen2.5-7B-Instruct")


def suite(name: str, loop: Loop) -> Iterator[Setting]:
    """Give the settings of ``small`` or ``full``, then those of the cap test."""
    models, lengths = (
        (_SMALL, _SMALL_LENGTHS) if name == "small" else (_FULL, _FULL_LENGTHS)
    )
    for model in models:
        for kind in ("lora", "qlora"):
            for checkpointing in (True, False):
                for batch, length in lengths:
                    yield setting(
                        model, kind, batch, length, loop, checkpointing=checkpointing
                    )
    for model in _CAP_MODELS[: 1 if name == "small" else None]:
        for cap in _CAPS_GIB:
            for batch, length in _CAP_LENGTHS:
                yield setting(model, "qlora", batch, length, loop, cap_bytes=cap * GIB)


def setting(
    model: str,
    kind: MethodKind,
    batch: int,
    length: int,
    loop: Loop,
    *,
    checkpointing: bool = True,
    cap_bytes: int | None = None,
) -> Setting:
    """Return a setting of a model of the catalogue.

    Raises:
        KeyError: The catalogue has no such model.
    """
    config = catalogue_config(model)
    if config is None:
        raise KeyError(model)
    plan = Plan(
        method=Method(kind=kind),
        train=Training(
            batch_size=batch,
            seq_len=length,
            gradient_accumulation=1,
            gradient_checkpointing=checkpointing,
        ),
    )
    return Setting(
        model=model, config=config, plan=plan, loop=loop, cap_bytes=cap_bytes
    )


_TINY = {
    "model_type": "llama",
    "hidden_size": 128,
    "intermediate_size": 352,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 1000,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
}


def rehearsal(loop: Loop) -> Iterator[Setting]:
    """Give tiny settings that a processor runs in seconds."""
    for kind in ("lora", "qlora"):
        for cap in (None, 4 << 20):
            plan = Plan(
                method=Method(kind=kind, rank=4, compute_dtype="fp32"),
                train=Training(
                    batch_size=2,
                    seq_len=64,
                    gradient_accumulation=1,
                    gradient_checkpointing=True,
                ),
            )
            yield Setting(
                model="tiny llama", config=_TINY, plan=plan, loop=loop, cap_bytes=cap
            )
