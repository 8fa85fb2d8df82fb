"""Merging an adapter into its base, and files for other programs: no device, but room.

Both work on the processor, from and to the disk. Merging goes shard by shard over the
16-bit base, whatever it was trained in: merging into 4-bit weights would round them a
second time.
"""

from dataclasses import replace

from core.estimate.loop import habits
from core.estimate.static import adapter_tensors, frozen_bytes, is_target
from core.estimate.uses.answer import ExportFormat, Need, UsePart, Where
from core.hardware.budget import DeviceBudget
from core.models.shape import ModelShape
from core.plan.plan import Plan
from core.units import MIB

# Shards as the field writes them: 5 GB, which transformers, too, took for long.
SHARD_BYTES = 5_000_000_000
# Tokenizer, configuration, chat template, model card.
_OTHER_FILES_BYTES = 24 * MIB
# Python, torch and its threads in main memory (391 MiB before the first tensor), and
# some room for kernels.
_PROCESS_BYTES = 500 * MIB
# llama.cpp's Q8_0: 32 weights of one byte share a 16-bit scale (ggml-common.h).
_Q8_BLOCK, _Q8_BLOCK_BYTES = 32, 34


def merge_need(plan: Plan, shape: ModelShape) -> Need:
    """Return what writing base and adapter as one 16-bit model takes."""
    if not plan.method.has_adapter:
        return Need(parts=(), less=0, more=0)
    host = _merging(plan, shape)
    return _with_bounds([*host, *_merged_files(shape)])


def export_need(
    plan: Plan, shape: ModelShape, budget: DeviceBudget, wanted: ExportFormat
) -> Need:
    """Return what writing `wanted` takes: files, and memory while they are made."""
    trained = sum(n * count for n, count in adapter_tensors(shape, plan.method))
    match wanted:
        case "peft-dir" | "peft-zip":
            return _copied(4 * trained, f"4 B × {trained:,} trained parameters")
        case "gguf-lora":
            return _copied(2 * trained, f"2 B × {trained:,} trained parameters")
        case "merged":
            return merge_need(plan, shape)
        case "merged-nf4":
            return _quantised(plan, shape, budget)
        case "gguf" | "gguf-q8_0" | "ollama":
            return _gguf(plan, shape, wanted)


def _copied(size: int, formula: str) -> Need:
    return _with_bounds(
        [
            _part("adapter", size, formula, "disk"),
            _part("files", _OTHER_FILES_BYTES, "tokenizer, template, card", "disk"),
            _part("adapter", size, "read whole", "host"),
            _process(),
        ]
    )


def _quantised(plan: Plan, shape: ModelShape, budget: DeviceBudget) -> Need:
    """Merged in 16 bits, then each linear layer in 4: file by file."""
    how = habits(_as_qlora(plan), budget, "tunesmith")
    weights, scales = frozen_bytes(shape, _as_qlora(plan).method, how)
    return _with_bounds(
        [
            *_merging(plan, shape),
            _part("model", weights, "0.5 B a linear weight, 2 B the others", "disk"),
            _part("scales", scales, "of blocks of 64 weights", "disk"),
            _part("files", _OTHER_FILES_BYTES, "tokenizer, template, card", "disk"),
        ]
    )


def _gguf(plan: Plan, shape: ModelShape, wanted: ExportFormat) -> Need:
    """Merged on disk first, then turned into one GGUF file, tensor by tensor."""
    vectors = _vector_elements(shape)
    matrices = shape.parameters - vectors
    if wanted == "gguf-q8_0":
        size = matrices * _Q8_BLOCK_BYTES // _Q8_BLOCK + 4 * vectors
        formula = f"34/32 B × {matrices:,} weights in Q8_0 + 4 B × {vectors:,}"
    else:
        size = 2 * matrices + 4 * vectors
        formula = f"2 B × {matrices:,} weights in F16 + 4 B × {vectors:,}"
    made = _part("gguf", size, formula, "disk")
    if not plan.method.has_adapter:
        return _with_bounds([_process(), made])
    need = _with_bounds([*_merging(plan, shape), made, *_merged_files(shape)])
    merged = sum(part.size for part in _merged_files(shape))
    return Need(parts=need.parts, less=need.less, more=need.more, gone=merged)


def _merging(plan: Plan, shape: ModelShape) -> list[UsePart]:
    """Return the main memory of merging one shard after another."""
    trained = sum(n * count for n, count in adapter_tensors(shape, plan.method))
    widest = max(
        (one.elements for one, _ in shape.linears() if is_target(one, plan.method)),
        default=0,
    )
    # a tensor larger than a shard has one to itself
    largest = 2 * max(widest, *shape.embeddings, shape.head.elements)
    shard = min(2 * shape.parameters, max(SHARD_BYTES, largest))
    return [
        _part("shard", shard, f"2 B × {shard // 2:,} weights written at once", "host"),
        _part("file", shard, "the shard that is read, mapped", "host"),
        _part(
            "product",
            8 * widest,
            f"8 B × {widest:,}: B·A of the largest layer in 32 bits, and scaled",
            "host",
        ),
        _part("adapter", 4 * trained, f"4 B × {trained:,} parameters", "host"),
        _process(),
    ]


def _merged_files(shape: ModelShape) -> list[UsePart]:
    size = 2 * shape.parameters
    return [
        _part("model", size, f"2 B × {shape.parameters:,} parameters", "disk"),
        _part("files", _OTHER_FILES_BYTES, "tokenizer, template, card", "disk"),
    ]


def _vector_elements(shape: ModelShape) -> int:
    """Return the elements of norms and biases: GGUF keeps what has one axis in 32 bits."""
    found = sum(shape.final_norm)
    for block in shape.blocks:
        found += block.count * sum((*block.norms, *block.attention_norms))
        biases = sum(one.outputs for one in block.linears if one.bias)
        found += block.count * biases
    return found


def _as_qlora(plan: Plan) -> Plan:
    return replace(plan, method=replace(plan.method, kind="qlora"))


def _process() -> UsePart:
    return _part("process", _PROCESS_BYTES, "Python, torch and its threads", "host")


def _part(name: str, size: int, formula: str, where: Where) -> UsePart:
    return UsePart(name=name, size=size, formula=formula, where=where)


def _with_bounds(parts: list[UsePart]) -> Need:
    """Bound the main memory: what is mapped can be let go of, what is freed may stay.

    Measured on glibc 2.36, models of 0.3 to 1.6 GB merged in shards of 0.2 GB: the
    figure lay 1 % below to 23 % above.
    """
    host = sum(part.size for part in parts if part.where == "host")
    mapped = sum(part.size for part in parts if part.name == "file")
    return Need(
        parts=tuple(part for part in parts if part.size),
        less=mapped + (host - mapped) // 5,
        more=host // 4 + 150 * MIB,
    )
