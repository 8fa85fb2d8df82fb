"""The plan: model, data, method and training, as values.

Keys use the ecosystem's names (peft, transformers). Every field's unit, limits, cost
and explanation stand in `core.plan.fields`, which also drives the command line's flags
and the form's tooltips.

`Method` is one value with a `kind`, not a union of types: switching between LoRA and
QLoRA must keep every other choice, and the plan file is flat.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PLAN_VERSION = 1

MethodKind = Literal["lora", "qlora", "lora8", "full"]
QuantType = Literal["nf4", "fp4"]
DType = Literal["auto", "bf16", "fp16", "fp32"]
TrainOn = Literal["answers", "everything"]
OnBadRow = Literal["stop", "skip"]
DataFormat = Literal[
    "auto", "alpaca", "sharegpt", "messages", "prompt-completion", "text"
]
Scheduler = Literal["cosine", "linear", "constant"]
Optimizer = Literal[
    "adamw_torch", "adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit"
]
Attention = Literal["sdpa", "eager", "flash"]
Init = Literal["default", "gaussian"]

ALL_LINEAR = ("all-linear",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """The base model: a catalogue or Hub id, or a folder."""

    id: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChoice:
    """What to learn from, and how to read it."""

    files: tuple[str, ...] = ()
    format: DataFormat = "auto"
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    """Role to column: ``{"prompt": "question", "completion": "answer"}``."""
    eval_fraction: float = 0.1
    template: str = ""
    """Empty: the model's own chat template."""
    train_on: TrainOn = "answers"
    on_bad_row: OnBadRow = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How the model is held and what is trained."""

    kind: MethodKind = "lora"
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    target_modules: tuple[str, ...] = ALL_LINEAR
    use_dora: bool = False
    use_rslora: bool = False
    init: Init = "default"
    quant_type: QuantType = "nf4"
    double_quant: bool = True
    compute_dtype: DType = "auto"

    @property
    def has_adapter(self) -> bool:
        return self.kind != "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How long and how fast to learn."""

    task: Literal["sft"] = "sft"
    epochs: float = 1.0
    max_steps: int = 0
    """0: as many as `epochs` needs."""
    batch_size: int = 1
    gradient_accumulation: int = 8
    seq_len: int = 1024
    learning_rate: float = 2e-4
    scheduler: Scheduler = "cosine"
    warmup_ratio: float = 0.03
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    optimizer: Optimizer = "adamw_torch"
    gradient_checkpointing: bool = False
    packing: bool = False
    attention: Attention = "sdpa"
    seed: int = 42
    eval_every: int = 0
    """Optimiser steps; 0: about ten times a run."""
    save_every: int = 0
    """Optimiser steps; 0: about five times a run."""
    keep_checkpoints: int = 2
    early_stopping: int = 0
    """Held-out evaluations without improvement before stopping; 0: never."""

    @property
    def effective_batch(self) -> int:
        """Sequences per optimiser step."""
        return self.batch_size * self.gradient_accumulation


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything a run needs and nothing else."""

    version: int = PLAN_VERSION
    name: str = ""
    model: ModelChoice = field(default_factory=ModelChoice)
    data: DataChoice = field(default_factory=DataChoice)
    method: Method = field(default_factory=Method)
    train: Training = field(default_factory=Training)
