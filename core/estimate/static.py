"""What stays on the device all through a training, to the byte.

Every tensor is rounded up to 512 bytes, as the CUDA allocator does.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from core.estimate.acting.tape import rounded
from core.estimate.loop import Habits
from core.models.shape import Experts, Linear, ModelShape
from core.plan.plan import ALL_LINEAR, Method, Optimizer

# QLoRA, section 3 (arXiv:2305.14314): one scale for 64 weights, and with double
# quantisation one second scale for 256 first ones.
BLOCK = 64
BLOCK_OF_SCALES = 256
CODE_BYTES = 16 * 4
CODE_OF_SCALES_BYTES = 256 * 4
# bitsandbytes keeps the states of small tensors in 32 bits (min_8bit_size) and pages
# only large ones (functional.get_paged is used from 1e5 elements on).
SMALLEST_8BIT = 4096
_SMALLEST_PAGED = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    """Bytes that stay."""

    weights: int
    quantization: int
    adapter: int
    gradients: int
    """Of everything trained, once all of it is there."""
    optimizer: int
    paged: int
    """Optimiser states in paged memory: on the card only while there is room."""
    foreach: int
    """Temporaries of the optimiser's step."""
    trainable: int
    """Trained parameters."""


def is_target(linear: Linear, method: Method) -> bool:
    """Return whether PEFT puts an adapter on `linear`."""
    if method.target_modules == ALL_LINEAR:
        return True
    names = {name.rpartition(".")[2] for name in method.target_modules}
    return linear.name in names


def adapts_head(shape: ModelShape, method: Method) -> bool:
    """Return whether the output layer is named; all-linear leaves it out."""
    listed = method.has_adapter and method.target_modules != ALL_LINEAR
    return listed and is_target(shape.head, method)


def adapter_tensors(shape: ModelShape, method: Method) -> Iterator[tuple[int, int]]:
    """Give the elements of each adapter tensor and how many such there are."""
    if not method.has_adapter:
        return
    head = [(shape.head, 1)] if adapts_head(shape, method) else []
    linears = [*shape.linears(), *head]
    for linear, count in linears:
        if is_target(linear, method):
            yield linear.inputs * method.rank, count
            yield linear.outputs * method.rank, count
            if method.use_dora:
                yield linear.outputs, count
    for block in shape.blocks:
        if isinstance(block.mlp, Experts):
            for elements in expert_adapter_tensors(block.mlp, method):
                yield elements, block.count


def adapts_experts(experts: Experts, method: Method) -> bool:
    """Return whether PEFT puts adapters on the experts' stacked weights."""
    listed = method.target_modules != ALL_LINEAR
    return experts.adapted and method.has_adapter and not listed


def expert_ranks(experts: Experts, method: Method, outputs: int) -> int:
    """Return an adapter's rank for each expert: gate and up share one of twice it."""
    return method.rank * (2 if outputs == 2 * experts.width else 1)


def expert_adapter_tensors(experts: Experts, method: Method) -> Iterator[int]:
    """Give the elements of each adapter tensor of one layer's experts and router.

    peft 0.21: ParamWrapper.update_layer, _convert_peft_config_moe.
    """
    if not adapts_experts(experts, method):
        return
    rank, stacked = method.rank, method.rank * experts.count
    yield rank * experts.hidden
    yield rank * experts.count
    yield 2 * stacked * experts.hidden
    yield 2 * stacked * 2 * experts.width
    yield stacked * experts.width
    yield stacked * experts.hidden


def static(
    shape: ModelShape, method: Method, optimizer: Optimizer, habits: Habits
) -> Static:
    """Return the bytes that stay while `shape` is trained with `method`."""
    weights, quantization = frozen_bytes(shape, method, habits)
    if method.has_adapter:
        item, tensors = 4, list(adapter_tensors(shape, method))
        adapter = sum(count * rounded(n * item) for n, count in tensors)
        gradients = adapter
    else:
        item, tensors, adapter = habits.item_bytes, list(_trained_whole(shape)), 0
        gradients = sum(count * rounded(n * item) for n, count in tensors)
    kind: Optimizer = optimizer if habits.on_gpu else "adamw_torch"
    held, paged = _states(tensors, item, kind)
    if method.has_adapter and shape.task == "classification":
        copies = list(_whole_tensors(shape))
        size = sum(rounded(n * habits.rest_bytes) for n in copies)
        more, paged_more = _states([(n, 1) for n in copies], habits.rest_bytes, kind)
        adapter += size
        gradients, held, paged = gradients + size, held + more, paged + paged_more
        tensors += [(n, 1) for n in copies]
    largest = max((rounded(n * item) for n, _ in tensors), default=0)
    return Static(
        weights=weights,
        quantization=quantization,
        adapter=adapter,
        gradients=gradients,
        optimizer=held,
        paged=paged,
        # torch steps all tensors at once on a card (foreach), one by one on a CPU.
        foreach=0 if kind != "adamw_torch" else gradients if habits.on_gpu else largest,
        trainable=sum(n * count for n, count in tensors),
    )


def frozen_bytes(shape: ModelShape, method: Method, habits: Habits) -> tuple[int, int]:
    """Return the bytes of the base model's weights and of their scales."""
    rest, weights, scales = habits.rest_bytes, 0, 0
    for linear, count in shape.linears():
        held, scale = _linear_bytes(linear, method, habits)
        weights += count * held
        scales += count * scale
        if linear.bias:
            weights += count * rounded(linear.outputs * rest)
    for block in shape.blocks:
        # Expert stacks are parameters, no nn.Linear: they stay in 16 bits.
        weights += block.count * sum(rounded(n * rest) for n in block.other_tensors)
    weights += sum(rounded(n * rest) for n in (*shape.embeddings, *shape.final_norm))
    if not shape.tied:
        weights += rounded(shape.head.elements * rest)
    if shape.head.bias:
        weights += rounded(shape.head.outputs * rest)
    for linear in shape.whole:
        weights += rounded(linear.elements * rest) + rounded(linear.outputs * rest)
    weights += sum(rounded(size) for size in shape.buffers)
    weights += rounded(shape.idle * habits.item_bytes) if shape.idle else 0
    attention = shape.blocks[0].attention
    if attention.rotary:  # inverse frequencies, kept twice
        weights += 2 * rounded(int(attention.head_dim * attention.rotary) // 2 * 4)
    return weights, scales


def _linear_bytes(linear: Linear, method: Method, habits: Habits) -> tuple[int, int]:
    elements, outputs = linear.elements, linear.outputs
    if linear.wide_in_fp16:
        return rounded(elements * habits.wide_bytes), 0
    if linear.never_quantised:
        return rounded(elements * habits.rest_bytes), 0
    if habits.method == "qlora":
        blocks = -(-elements // BLOCK)
        code = rounded(CODE_BYTES)
        if not method.double_quant:
            return rounded(-(-elements // 2)), code + rounded(4 * blocks)
        nested = (
            rounded(blocks)
            + rounded(4 * -(-blocks // BLOCK_OF_SCALES))
            + rounded(CODE_OF_SCALES_BYTES)
            + rounded(4)  # the offset
        )
        return rounded(-(-elements // 2)), code + nested
    if habits.method == "lora8":
        return rounded(elements), rounded(4 * outputs)
    return rounded(elements * habits.item_bytes), 0


def _trained_whole(shape: ModelShape) -> Iterator[tuple[int, int]]:
    """Give the elements of every parameter, for full fine-tuning."""
    for linear, count in shape.linears():
        yield linear.elements, count
        if linear.bias:
            yield linear.outputs, count
    for block in shape.blocks:
        for elements in block.other_tensors:
            yield elements, block.count
    for elements in (*shape.embeddings, *shape.final_norm):
        yield elements, 1
    if not shape.tied:
        yield shape.head.elements, 1
    if shape.head.bias:
        yield shape.head.outputs, 1
    for linear in shape.whole:
        yield linear.elements, 1
        yield linear.outputs, 1


def _whole_tensors(shape: ModelShape) -> Iterator[int]:
    """Give the elements of what PEFT copies and trains whole: a classifier."""
    for linear in (*shape.whole, shape.head):
        yield linear.elements
        yield linear.outputs


def _states(
    tensors: list[tuple[int, int]], item: int, kind: Optimizer
) -> tuple[int, int]:
    """Return the bytes of two moments in the card's memory, and in paged memory."""
    held = paged = 0
    for elements, count in tensors:
        if kind == "adamw_torch":
            held += 2 * count * rounded(elements * item)
            continue
        eight = kind in {"adamw_8bit", "paged_adamw_8bit"} and elements >= SMALLEST_8BIT
        state = 2 * count * rounded(elements if eight else 4 * elements)
        if kind.startswith("paged") and elements >= _SMALLEST_PAGED:
            paged += state
        else:
            held += state
        if eight:
            held += 2 * count * rounded(4 * -(-elements // BLOCK_OF_SCALES))
    return held, paged
