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
_BACKWARD_ATTENTION = 2.5
# An adapted product reads its input twice and adds to its output.
_ADAPTER_INPUT_MOVES = 2
_ADAPTER_OUTPUT_MOVES = 4
# Bytes a trained token's logits cost: written in 16 bits, read and widened, normalised,
# turned into their error and read by the product that follows.
_LOGIT_BYTES = 2 + 2 + 4 + 4 + 4 + 4 + 4 + 2 + 2
_SCORE_MOVES = 8
# DoRA takes the norm of each adapted weight anew in every forward pass: B @ A written,
# the weight read, their sum written in 32 bits and read again.
_DORA_BYTES = 4 + 2 + 4 + 4 + 4
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the work of every part follows from."""

    plan: Plan
    habits: Habits
    length: float
    tokens: float
    passes: _Passes


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
    passes = _Passes(
        forward=2 if plan.train.gradient_checkpointing else 1,
        product_backward=1 if plan.method.has_adapter else 2,
    )
    asked = _Asked(
        plan=plan,
        habits=habits,
        length=length,
        tokens=plan.train.batch_size * length,
        passes=passes,
    )
    found = _ends(shape, asked)
    for block in shape.blocks:
        found = _sum(found, _layer(block, asked), block.count)
    return found


def _sum(some: Work, one: Work, count: int) -> Work:
    """Return `some` and `count` times `one`."""
    return Work(
        tokens=some.tokens,
        flops=some.flops + count * one.flops,
        sparse_flops=some.sparse_flops + count * one.sparse_flops,
        weight_bytes=some.weight_bytes + count * one.weight_bytes,
        unpacked=some.unpacked + count * one.unpacked,
        moved_bytes=some.moved_bytes + count * one.moved_bytes,
        kernels=some.kernels + count * one.kernels,
    )


def _layer(block: Block, asked: _Asked) -> Work:
    passes, habits = asked.passes, asked.habits
    dense, gathered, read = _products(block, asked.tokens)
    packed = [one for one in block.linears if not one.never_quantised]
    elements = sum(linear.elements for linear in packed)
    return Work(
        tokens=asked.tokens,
        flops=2 * asked.tokens * dense * passes.products
        + _attention(block, asked) * (passes.forward + _BACKWARD_ATTENTION),
        sparse_flops=2 * asked.tokens * gathered * passes.products,
        weight_bytes=read * habits.item_bytes * passes.all,
        unpacked=elements * passes.all if habits.quantised else 0.0,
        moved_bytes=_moves(block, asked) * passes.moves,
        kernels=_kernels(block, asked) * passes.all,
    )


def _ends(shape: ModelShape, asked: _Asked) -> Work:
    """Return the work of the head and of all adapters."""
    method, passes, tokens = asked.plan.method, asked.passes, asked.tokens
    head = shape.head.elements
    adapters = sum(n * count for n, count in adapter_tensors(shape, method))
    normed = 0.0
    if method.use_dora:
        normed = passes.forward * sum(
            count * linear.elements
            for linear, count in shape.linears()
            if is_target(linear, method)
        )
    return Work(
        tokens=tokens,
        flops=2.0 * tokens * head * (2 if method.has_adapter else 3)
        + 2.0 * tokens * adapters * (passes.forward + 2)
        + 2.0 * method.rank * normed,
        sparse_flops=0.0,
        weight_bytes=2.0 * head * asked.habits.rest_bytes,
        unpacked=0.0,
        moved_bytes=tokens * shape.vocabulary * _LOGIT_BYTES + _DORA_BYTES * normed,
        kernels=0.0,
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


def _attention(block: Block, asked: _Asked) -> float:
    """Return the forward operations of scores and of their product with the values."""
    attention = block.attention
    seen = _seen(asked.length, attention.window)
    if asked.habits.kernel == "eager" or attention.softcap:
        seen = asked.length  # every score is computed, masked or not
    return 4.0 * asked.tokens * seen * attention.query


def _seen(length: float, window: int | None) -> float:
    """Return the mean number of tokens that one token attends to, itself included."""
    if window is None or window >= length:
        return length / 2
    return window - window * window / (2 * length)


def _moves(block: Block, asked: _Asked) -> float:
    """Return the bytes one forward pass of a layer moves between its products."""
    attention, mlp, method = block.attention, block.mlp, asked.plan.method
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
    if method.has_adapter:
        values += sum(
            _ADAPTER_INPUT_MOVES * linear.inputs
            + _ADAPTER_OUTPUT_MOVES * linear.outputs
            for linear in block.linears
            if is_target(linear, method)
        )
    if asked.habits.kernel == "eager" or attention.softcap:
        values += _SCORE_MOVES * attention.heads * asked.length
    return asked.tokens * values * asked.habits.item_bytes


def _kernels(block: Block, asked: _Asked) -> float:
    linears, method = block.linears, asked.plan.method
    count = float(_LAYER_KERNELS)
    if method.has_adapter:
        adapted = sum(1 for linear in linears if is_target(linear, method))
        count += _ADAPTER_KERNELS * adapted
    if isinstance(block.mlp, Experts):
        count += 12 + 4 * min(block.mlp.count, 64)
    return count + (_QUANTISED_KERNELS * len(linears) if asked.habits.quantised else 0)
