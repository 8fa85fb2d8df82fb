"""What stays on the device all through a training, to the byte.

Every tensor is rounded up to 512 bytes, as the CUDA allocator does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.estimate.acting.tape import rounded
from core.estimate.loop import SLICE_BYTES, Habits
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
        foreach=0 if kind != "adamw_torch" else _at_once(gradients, largest, habits),
        trainable=sum(n * count for n, count in tensors),
    )


def _at_once(all_bytes: int, largest: int, habits: Habits) -> int:
    """Return the temporaries of AdamW's step: one copy of what is stepped at once.

    torch steps one tensor after another on a CPU, and all of them on a card; our loop
    hands it slices.
    """
    if not habits.on_gpu:
        return largest
    return min(all_bytes, max(largest, SLICE_BYTES)) if habits.fused_loss else all_bytes


def frozen_bytes(shape: ModelShape, method: Method, habits: Habits) -> tuple[int, int]:
    """Return the bytes of the base model's weights and of their scales."""
    weights = scales = 0
    for size, count, is_scale in frozen_tensors(shape, method, habits):
        if is_scale:
            scales += count * size
        else:
            weights += count * size
    return weights, scales


def frozen_tensors(
    shape: ModelShape, method: Method, habits: Habits
) -> Iterator[tuple[int, int, bool]]:
    """Give the base model's tensors: rounded bytes, how many, and whether of scales."""
    rest = habits.rest_bytes
    for linear, count in shape.linears():
        held, *scales = _linear_sizes(linear, method, habits)
        yield held, count, False
        for size in scales:
            yield size, count, True
        if linear.bias:
            yield rounded(linear.outputs * rest), count, False
    for block in shape.blocks:
        # Expert stacks are parameters, no nn.Linear: they stay in 16 bits.
        for elements in block.other_tensors:
            yield rounded(elements * rest), block.count, False
    for elements in (*shape.embeddings, *shape.final_norm):
        yield rounded(elements * rest), 1, False
    for size in _outer_sizes(shape, rest):
        yield rounded(size), 1, False
    if shape.idle:
        yield rounded(shape.idle * habits.item_bytes), 1, False
    attention = shape.blocks[0].attention
    if attention.rotary:  # inverse frequencies, kept twice
        half = int(attention.head_dim * attention.rotary) // 2
        yield rounded(half * 4), 2, False


def _outer_sizes(shape: ModelShape, rest: int) -> Iterator[int]:
    """Give the bytes of what lies around the layers, and of buffers."""
    if not shape.tied:
        yield shape.head.elements * rest
    if shape.head.bias:
        yield shape.head.outputs * rest
    for linear in shape.whole:
        yield linear.elements * rest
        yield linear.outputs * rest
    yield from shape.buffers


def _linear_sizes(linear: Linear, method: Method, habits: Habits) -> list[int]:
    """Return the bytes of a layer's weight, then those of its scales."""
    elements, outputs = linear.elements, linear.outputs
    if linear.wide_in_fp16:
        return [rounded(elements * habits.wide_bytes)]
    if linear.never_quantised:
        return [rounded(elements * habits.rest_bytes)]
    if habits.method == "qlora":
        blocks = -(-elements // BLOCK)
        sizes = [-(-elements // 2), CODE_BYTES]
        if method.double_quant:  # and their mean
            second = -(-blocks // BLOCK_OF_SCALES)
            sizes += [blocks, 4 * second, CODE_OF_SCALES_BYTES, 4]
        else:
            sizes.append(4 * blocks)
        return [rounded(size) for size in sizes]
    if habits.method == "lora8":
        return [rounded(elements), rounded(4 * outputs)]
    return [rounded(elements * habits.item_bytes)]


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
    for size, count, is_paged in state_sizes(tensors, item, kind):
        if is_paged:
            paged += size * count
        else:
            held += size * count
    return held, paged


def state_sizes(
    tensors: Iterable[tuple[int, int]], item: int, kind: Optimizer
) -> Iterator[tuple[int, int, bool]]:
    """Give the moments' tensors: rounded bytes, how many, and whether in paged memory."""
    for elements, count in tensors:
        if kind == "adamw_torch":
            yield rounded(elements * item), 2 * count, False
            continue
        eight = kind in {"adamw_8bit", "paged_adamw_8bit"} and elements >= SMALLEST_8BIT
        is_paged = kind.startswith("paged") and elements >= _SMALLEST_PAGED
        yield rounded(elements if eight else 4 * elements), 2 * count, is_paged
        if eight:
            yield rounded(4 * -(-elements // BLOCK_OF_SCALES)), 2 * count, False
