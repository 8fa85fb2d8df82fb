"""What one micro-batch makes a device do: operations, bytes moved, kernels started.

Counted from the model's shape, as `core.engine` does the work: the frozen matrices are
multiplied forward and for their input's gradient (2 N each, no weight gradient), once
more forward under checkpointing; adapters get all three products; attention grows with
the square of the length; the head's loss and gradient are formed together.
Sources: Kaplan et al. 2020 (arXiv:2001.08361, section 2.1) for 2 N a token and pass;
Dao 2023 (arXiv:2307.08691, section 4.1) for causal attention's count and its backward
pass of 2.5 times the forward; Korthikanti et al. 2022 (arXiv:2205.05198, section 4)
for what a layer reads and writes.
"""

from dataclasses import dataclass

from core.estimate.loop import Habits
from core.estimate.static import adapter_tensors, is_target
from core.models.shape import Block, Experts, FeedForward, ModelShape
from core.plan.plan import Plan

# Tensors a layer's forward pass reads or writes between its products, in the widths of
# the stream (norms with their casts, residual sums), of queries, keys and values
# (rotation, layout) and of the MLP (gate, activation, product).
_STREAM_MOVES = 30
_ATTENTION_MOVES = 12
_MLP_MOVES = 5
_BACKWARD_MOVES = 1.5
# An adapted product reads its input twice and adds to its output.
_ADAPTER_INPUT_MOVES = 2
_ADAPTER_OUTPUT_MOVES = 4
# Bytes a trained token's logits cost: written in 16 bits, read and widened, normalised,
# turned into their error and read by the product that follows.
_LOGIT_BYTES = 2 + 2 + 4 + 4 + 4 + 4 + 4 + 2 + 2
_SCORE_MOVES = 8
# Kernels of one layer's pass, roughly; each adapter and each 4-bit weight adds some.
_LAYER_KERNELS = 45
_ADAPTER_KERNELS = 6
_QUANTISED_KERNELS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one micro-batch, forward and backward, makes the device do."""

    tokens: float
    flops: float
    """Of dense products, a multiplication and an addition counted as two."""
    sparse_flops: float
    """Of products with experts, which run in many small pieces."""
    weight_bytes: float
    """Read for the products, all passes together."""
    unpacked: float
    """Weights turned from 4 or 8 bits into 16, all passes together."""
    moved_bytes: float
    """Read and written between the products."""
    kernels: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Passes:
    """How often a micro-batch goes through the layers."""

    forward: int
    product_backward: int
    """Products in the backward pass: one for the input, a second for a trained weight."""

    @property
    def products(self) -> int:
        return self.forward + self.product_backward

    @property
    def moves(self) -> float:
        return self.forward + _BACKWARD_MOVES

    @property
    def all(self) -> int:
        return self.forward + 1


def work(
    plan: Plan, shape: ModelShape, habits: Habits, *, row_tokens: float | None = None
) -> Work:
    """Return what one micro-batch of `plan` is.

    Args:
        plan: Method and training settings.
        shape: The base model.
        habits: How the loop holds tensors.
        row_tokens: Mean tokens of a row; `seq_len` where it is not known.
    """
    length = float(plan.train.seq_len)
    if row_tokens is not None and not plan.train.packing:
        length = min(length, max(1.0, row_tokens))
    tokens = plan.train.batch_size * length
    passes = _Passes(
        forward=2 if plan.train.gradient_checkpointing else 1,
        product_backward=1 if plan.method.has_adapter else 2,
    )
    head = shape.head.elements
    flops = 2.0 * tokens * head * (2 if plan.method.has_adapter else 3)
    sparse = weights = unpacked = kernels = 0.0
    moved = tokens * shape.vocabulary * _LOGIT_BYTES
    for block in shape.blocks:
        dense, gathered, read = _products(block, tokens)
        flops += block.count * (2 * tokens * dense * passes.products)
        sparse += block.count * (2 * tokens * gathered * passes.products)
        flops += (
            block.count
            * _attention(block, length, tokens, habits)
            * (passes.forward + 2.5)
        )
        weights += block.count * read * habits.item_bytes * passes.all
        if habits.quantised:
            elements = sum(linear.elements for linear in block.linears)
            unpacked += block.count * elements * passes.all
        moved += (
            block.count * _moves(block, plan, length, tokens, habits) * passes.moves
        )
        kernels += block.count * _kernels(block, plan, habits) * passes.all
    adapters = sum(
        elements * count for elements, count in adapter_tensors(shape, plan.method)
    )
    flops += 2.0 * tokens * adapters * (passes.forward + 2)
    return Work(
        tokens=tokens,
        flops=flops,
        sparse_flops=sparse,
        weight_bytes=weights + 2 * head * habits.rest_bytes,
        unpacked=unpacked,
        moved_bytes=moved,
        kernels=kernels,
    )


def _products(block: Block, tokens: float) -> tuple[float, float, float]:
    """Return elements multiplied for each token: dense, of experts; and those read."""
    dense = float(sum(linear.elements for linear in block.linears))
    if not isinstance(block.mlp, Experts):
        return dense, 0.0, dense
    mlp = block.mlp
    each = 3.0 * mlp.width * mlp.hidden
    read = min(float(mlp.count), tokens * mlp.per_token) * each
    return dense + mlp.count * mlp.hidden, mlp.per_token * each, dense + read


def _attention(block: Block, length: float, tokens: float, habits: Habits) -> float:
    """Return the forward operations of scores and of their product with the values."""
    attention = block.attention
    seen = _seen(length, attention.window)
    if habits.kernel == "eager" or attention.softcap:
        seen = length  # every score is computed, masked or not
    return 4.0 * tokens * seen * attention.query


def _seen(length: float, window: int | None) -> float:
    """Return the mean number of tokens that one token attends to, itself included."""
    if window is None or window >= length:
        return length / 2
    return window - window * window / (2 * length)


def _moves(
    block: Block, plan: Plan, length: float, tokens: float, habits: Habits
) -> float:
    """Return the bytes one forward pass of a layer moves between its products."""
    attention, mlp = block.attention, block.mlp
    stream = attention.output.outputs
    if isinstance(mlp, FeedForward):
        width = mlp.width * (2 if mlp.gated else 1)
    else:
        width = 2 * mlp.per_token * mlp.width
    values = (
        _STREAM_MOVES * stream
        + _ATTENTION_MOVES * (attention.query + 2 * attention.key)
        + _MLP_MOVES * width
    )
    if plan.method.has_adapter:
        values += sum(
            _ADAPTER_INPUT_MOVES * linear.inputs
            + _ADAPTER_OUTPUT_MOVES * linear.outputs
            for linear in block.linears
            if is_target(linear, plan.method)
        )
    if habits.kernel == "eager" or attention.softcap:
        values += _SCORE_MOVES * attention.heads * length
    return tokens * values * habits.item_bytes


def _kernels(block: Block, plan: Plan, habits: Habits) -> float:
    linears = block.linears
    adapted = sum(1 for linear in linears if is_target(linear, plan.method))
    count = _LAYER_KERNELS + (
        _ADAPTER_KERNELS * adapted if plan.method.has_adapter else 0
    )
    if isinstance(block.mlp, Experts):
        count += 12 + 4 * min(block.mlp.count, 64)
    return count + (_QUANTISED_KERNELS * len(linears) if habits.quantised else 0)
