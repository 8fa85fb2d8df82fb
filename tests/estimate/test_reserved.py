"""What torch reserves for our loop: two pools, each with its own peak."""

from dataclasses import replace

import pytest

from core.estimate.acting.pools import GrowingHeap, PoolsTape
from core.estimate.acting.step import act_out, step_peak
from core.estimate.loop import SLICE_BYTES, habits
from core.estimate.memory import estimate
from core.estimate.outside import workspace_bytes
from core.estimate.reserved import room_bytes
from core.hardware.budget import DeviceBudget, device_budget
from core.models.catalogue import catalogue_shape
from core.models.shape import ModelShape
from core.plan.plan import Method, MethodKind, Plan, Training
from core.units import MIB


def card(*, grows: bool = True) -> DeviceBudget:
    return replace(device_budget(gpu_name="RTX 4090"), growing_segments=grows)


def plan(
    kind: MethodKind = "qlora", *, checkpoints: bool = True, rank: int = 16
) -> Plan:
    return Plan(
        method=Method(kind=kind, rank=rank),
        train=Training(
            batch_size=2,
            seq_len=1024,
            gradient_accumulation=1,
            gradient_checkpointing=checkpoints,
        ),
    )


def shape_of(model: str) -> ModelShape:
    shape = catalogue_shape(model)
    assert shape is not None
    return shape


def test_a_heap_fills_its_best_hole_before_it_grows() -> None:
    heap = GrowingHeap()
    blocks = [heap.take(size) for size in (10, 1, 6, 1, 8, 1)]
    for hole in (blocks[0], blocks[2]):
        heap.give(hole)
    assert heap.take(5) == blocks[2]  # the smaller of the two
    assert heap.take(7) == blocks[0]
    assert heap.extent == 27
    assert heap.take(4) == 27  # holes of 3 and 1 are left
    assert heap.extent == 31


def test_free_room_at_the_end_is_the_last_to_be_taken() -> None:
    heap = GrowingHeap()
    low, _, end = heap.take(20), heap.take(1), heap.take(5)
    heap.give(low)
    heap.give(end)
    assert heap.take(5) == low  # the end would fit exactly, but it can grow
    assert heap.take(30) == 21
    assert heap.extent == 51


def test_neighbours_join_and_the_end_moves_back() -> None:
    heap = GrowingHeap()
    blocks = [heap.take(4) for _ in range(4)]
    for block in (blocks[1], blocks[3], blocks[2]):
        heap.give(block)
    assert heap.end == 4
    assert heap.take(100) == 4
    assert heap.extent == 104


@pytest.mark.parametrize("checkpoints", [True, False])
@pytest.mark.parametrize("kind", ["lora", "qlora"])
def test_few_layers_reserve_what_all_do(kind: MethodKind, *, checkpoints: bool) -> None:
    shape, wanted = (
        shape_of("meta-llama/Llama-3.2-1B"),
        plan(kind, checkpoints=checkpoints),
    )
    how = habits(wanted, card(), "tunesmith")
    few, every = (PoolsTape(workspace_bytes(card())) for _ in range(2))
    step_peak(shape, wanted, how, gradients=0, tape=few)
    kept = act_out(shape, wanted, how, every)
    assert kept is not None
    assert few.small_peak == pytest.approx(every.small_peak, rel=0.02)
    assert few.large_peak == pytest.approx(every.large_peak, rel=0.02)


def test_the_optimisers_small_blocks_are_reserved_beside_the_steps_large_ones() -> None:
    """Rank 16 of a 1B model lies in the small pool: gradients and temporaries as well."""
    shape, wanted = shape_of("meta-llama/Llama-3.2-1B"), plan()
    found = estimate(wanted, shape, card())
    beside = found.reserved - found.allocated
    # 11.3 million weights in 32 bits: their gradients, and the roots of a slice's moments
    assert beside >= 4 * shape_of_adapter(shape, wanted) + SLICE_BYTES


def shape_of_adapter(shape: ModelShape, wanted: Plan) -> int:
    rank = wanted.method.rank
    return sum(
        rank * (linear.inputs + linear.outputs) * count
        for linear, count in shape.linears()
    )


def test_accumulation_finds_the_gradients_there() -> None:
    shape, once = shape_of("meta-llama/Llama-3.2-1B"), plan(rank=256)
    train = replace(once.train, gradient_accumulation=2)
    again = replace(once, train=train)
    assert room_bytes(again, shape, card()) > room_bytes(once, shape, card())


def test_room_is_what_a_step_adds_to_what_stays() -> None:
    shape, wanted = shape_of("meta-llama/Llama-3.2-1B"), plan()
    found = estimate(wanted, shape, card())
    room = room_bytes(wanted, shape, card())
    parts = found.components
    stays = parts.weights + parts.quantization + parts.adapter + parts.optimizer
    assert 0.8 * (found.allocated - stays) < room < found.reserved - parts.weights


def test_without_growing_segments_the_upper_bound_holds_a_chunk_more() -> None:
    shape = shape_of("meta-llama/Llama-3.2-1B")
    grown, fixed = (
        estimate(plan(), shape, card(grows=grows)) for grows in (True, False)
    )
    assert fixed.process == grown.process
    assert fixed.high == grown.high + 256 * MIB
