"""How a training loop holds tensors: ours, or a plain peft + transformers one."""

from dataclasses import dataclass
from typing import Literal

from core.estimate.answer import Loop
from core.hardware.budget import DeviceBudget
from core.plan.plan import MethodKind, Plan

Kernel = Literal["flash", "efficient", "eager"]


def chunk_tokens(vocabulary: int) -> int:
    """Return how many tokens' logits our loop holds at once.

    As `core.engine.head.chunk_tokens`; a test keeps them equal.
    """
    return max(64, min(1024, (1 << 26) // vocabulary))


# As `core.engine.optimizer.SLICE_BYTES`; a test keeps them equal.
SLICE_BYTES = 32 << 20
# As `core.engine.batch.WIDTH_STEP_TOKENS`; a test keeps them equal.
WIDTH_STEP_TOKENS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """Everything about a loop that decides its memory, besides plan and model."""

    method: MethodKind
    item_bytes: int
    """Of the frozen weights and of the products."""
    rest_bytes: int
    """Of what quantisation leaves out: embeddings, head, norms, biases."""
    autocast: bool
    """Products are narrowed to 16 bits by autocast, adapters being fp32."""
    cast_input: bool
    """PEFT widens each input to the adapter's type."""
    fused_loss: bool
    """Logits exist for one chunk of trained tokens at a time."""
    input_gradient: bool
    """The embeddings' output is made to need a gradient."""
    hold_outputs: bool
    """The loop keeps the logits until the step is over."""
    keeps_cache: bool
    """Keys and values are cached as for generating, and held with the logits."""
    kernel: Kernel
    on_gpu: bool
    fp16: bool
    trained_tokens: int | None = None
    """How many tokens of a micro-batch carry loss; None: as many as can."""

    def width(self, tokens: int) -> int:
        """Return how wide a batch is whose longest row has so many tokens.

        Ours is padded to a multiple of 32.
        """
        return tokens if not self.fused_loss else rounded_width(tokens)

    @property
    def quantised(self) -> bool:
        return self.method in {"qlora", "lora8"}

    @property
    def wide_bytes(self) -> int:
        """Bytes an element of what transformers keeps out of fp16 and quantisation."""
        if self.quantised:
            return self.rest_bytes
        return 4 if self.fp16 else self.item_bytes


def rounded_width(tokens: int) -> int:
    """Return the width our loop gives a batch whose longest row has so many tokens."""
    return -(-tokens // WIDTH_STEP_TOKENS) * WIDTH_STEP_TOKENS


def habits(plan: Plan, budget: DeviceBudget, loop: Loop) -> Habits:
    """Return how `loop` would run `plan` on the device of `budget`."""
    on_gpu = budget.kind == "cuda"
    dtype = compute_dtype(plan, budget)
    item = 4 if dtype == "fp32" else 2
    kind = plan.method.kind
    # no loop of ours trains every weight: that is priced as others do it
    ours = loop == "tunesmith" and kind != "full"
    four_bit = kind in {"qlora", "lora8"}
    # A plain loop calls prepare_model_for_kbit_training: what is left in 16 bits
    # becomes fp32.
    rest = 4 if four_bit and not ours else item
    return Habits(
        method=kind,
        item_bytes=item,
        rest_bytes=rest,
        autocast=ours and item == 2,
        cast_input=not (ours and item == 2),
        fused_loss=ours,
        # transformers asks the embeddings' output for a gradient when it checkpoints
        input_gradient=plan.train.gradient_checkpointing,
        keeps_cache=not (ours or plan.train.gradient_checkpointing),
        hold_outputs=not ours,
        kernel=_kernel(plan, budget, dtype),
        on_gpu=on_gpu,
        fp16=dtype == "fp16",
    )


def compute_dtype(plan: Plan, budget: DeviceBudget) -> Literal["bf16", "fp16", "fp32"]:
    """Return the number format the device computes the plan in."""
    wanted = plan.method.compute_dtype
    if wanted != "auto":
        return wanted
    if budget.kind == "cpu":
        return "bf16" if budget.bf16 else "fp32"
    return "bf16" if budget.bf16 else "fp16"


def _kernel(plan: Plan, budget: DeviceBudget, dtype: str) -> Kernel:
    if plan.train.attention == "eager":
        return "eager"
    old = budget.compute_capability is not None and budget.compute_capability < (8, 0)
    # Flash kernels need Ampere and 16 bits; else torch picks the memory-efficient one,
    # and keys and values are expanded to all heads.
    efficient = budget.kind == "cuda" and (old or dtype == "fp32")
    return "efficient" if efficient else "flash"
