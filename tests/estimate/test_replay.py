"""The allocator acted out: its rules one by one, and runs others measured."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.estimate.acting.allocator import Allocator
from core.estimate.answer import MemoryEstimate
from core.estimate.memory import estimate
from core.hardware.budget import DeviceBudget, device_budget
from core.models.catalogue import catalogue_shape
from core.models.shape import ModelShape
from core.plan.plan import Method, Plan, Training
from core.units import GIB, MIB

T4 = device_budget(gpu_name="T4")


def shape_of(model: str) -> ModelShape:
    found = catalogue_shape(model)
    assert found is not None
    return found


def test_small_tensors_share_two_mebibytes() -> None:
    """Up to 1 MiB a tensor comes from a segment of 2 MiB and takes what it needs."""
    allocator = Allocator()

    allocator.take(512)
    allocator.take(MIB)

    assert allocator.allocated == 512 + MIB
    assert allocator.reserved == 2 * MIB


def test_middling_tensors_share_twenty() -> None:
    """From 1 to 10 MiB segments are 20 MiB large."""
    allocator = Allocator()

    allocator.take(3 * MIB)
    allocator.take(9 * MIB)

    assert allocator.reserved == 20 * MIB


def test_large_tensors_have_their_own_segment() -> None:
    """From 10 MiB on a segment is the tensor's size in steps of 2 MiB."""
    allocator = Allocator()

    allocator.take(11 * MIB)

    assert allocator.reserved == 12 * MIB


def test_a_rest_of_less_than_a_mebibyte_is_handed_out_too() -> None:
    """A large block is not split for 1 MiB or less, and torch counts all of it."""
    allocator = Allocator()
    allocator.give(allocator.take(12 * MIB))

    allocator.take(11 * MIB + 512)

    assert allocator.allocated == 12 * MIB
    assert allocator.reserved == 12 * MIB


def test_of_equal_holes_the_youngest_segments_is_filled() -> None:
    """New segments lie below older ones, and the lowest address is taken."""
    allocator = Allocator()
    old, young = allocator.take(12 * MIB), allocator.take(12 * MIB)
    allocator.give(old)
    allocator.give(young)

    assert allocator.take(12 * MIB) == young
    assert young < old


def test_neighbours_join() -> None:
    """Two freed neighbours are one hole again."""
    allocator = Allocator()
    allocator.give(allocator.take(20 * MIB))
    first, second = allocator.take(10 * MIB), allocator.take(10 * MIB)
    allocator.give(first)
    allocator.give(second)

    allocator.take(20 * MIB)

    assert allocator.reserved == 20 * MIB


def test_an_emptied_cache_keeps_what_is_in_use() -> None:
    """Segments without a tensor go back to the driver; the others stay whole."""
    allocator = Allocator()
    kept, freed = allocator.take(12 * MIB), allocator.take(30 * MIB)
    allocator.give(freed)

    allocator.empty_cache()

    assert allocator.reserved == 12 * MIB
    assert allocator.peak == 42 * MIB
    allocator.give(kept)
    allocator.empty_cache()
    assert allocator.reserved == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(min_value=1, max_value=200_000), st.booleans()),
        max_size=120,
    )
)
def test_whatever_comes_and_goes_the_books_balance(
    orders: list[tuple[int, bool]],
) -> None:
    """What is handed out lies within what is reserved, and all of it comes back."""
    allocator, held = Allocator(), list[int]()
    for units, gives in orders:
        if gives and held:
            allocator.give(held.pop(units % len(held)))
        else:
            held.append(allocator.take(512 * units))
        assert 0 <= allocator.allocated <= allocator.reserved <= allocator.peak
        assert allocator.allocated <= allocator.peak_allocated
    for address in held:
        allocator.give(address)

    assert allocator.allocated == 0
    allocator.empty_cache()
    assert allocator.reserved == 0


# Tesla T4, torch 2.14, transformers 5.17, peft 0.20: the archive of fitcheck-llm 0.3.1
# (PyPI, MIT), data/measurements/t4-sweep-2026-09-15.json. Rank 32 on q, k, v and o, fp16,
# checkpointing. GiB handed out and reserved.
MEASURED = [
    ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", "eager", 2, 2048, 6.4611, 7.4824),
    ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", "sdpa", 2, 2048, 4.2521, 4.5859),
    ("HuggingFaceTB/SmolLM2-1.7B", "eager", 4, 1024, 6.3835, 7.5527),
    ("HuggingFaceTB/SmolLM2-1.7B", "sdpa", 4, 1024, 6.3757, 6.9277),
    ("HuggingFaceTB/SmolLM2-360M", "eager", 1, 4096, 4.7935, 7.1328),
    ("Qwen/Qwen2.5-1.5B-Instruct", "eager", 2, 1024, 7.2322, 7.7246),
]


def plain(
    model: str, *, attention: Any, batch: int, length: int, **method: Any
) -> MemoryEstimate:
    """Return the estimate of a plain loop on a T4."""
    plan = Plan(
        method=replace(
            Method(
                kind="lora",
                rank=32,
                target_modules=("q_proj", "k_proj", "v_proj", "o_proj"),
                compute_dtype="fp16",
            ),
            **method,
        ),
        train=Training(
            batch_size=batch,
            seq_len=length,
            gradient_accumulation=1,
            gradient_checkpointing=True,
            attention=attention,
        ),
    )
    return estimate(plan, shape_of(model), T4, loop="plain")


@pytest.mark.parametrize(
    ("model", "attention", "batch", "length", "allocated", "reserved"), MEASURED
)
def test_a_measured_run_comes_out_to_a_thousandth(
    model: str,
    attention: str,
    batch: int,
    length: int,
    allocated: float,
    reserved: float,
) -> None:
    """Where loading is the same each time, so are the holes between blocks."""
    found = plain(model, attention=attention, batch=batch, length=length)

    assert found.allocated / GIB == pytest.approx(allocated, rel=0.001)
    assert found.reserved / GIB == pytest.approx(reserved, rel=0.001)
    assert found.low < found.process < found.high


def test_quantised_loading_is_bounded_by_what_was_seen() -> None:
    """One setting of the archive took 2.16 GiB once and 2.30 GiB another time."""
    found = plain(
        "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
        attention="eager",
        batch=2,
        length=512,
        kind="qlora",
        double_quant=False,
    )

    assert found.low / GIB < 2.1592
    assert found.high / GIB > 2.3016


def test_double_quantisation_is_acted_out_too() -> None:
    """Second scales take the first ones' place: less is handed out."""
    once, twice = (
        plain(
            "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
            attention="sdpa",
            batch=1,
            length=512,
            kind="qlora",
            double_quant=double,
        )
        for double in (False, True)
    )

    saved = once.allocated - twice.allocated
    assert 0.03 * GIB < saved < 0.07 * GIB


def test_a_context_nobody_measured_widens_the_bounds() -> None:
    """The less is known of a card's context, the wider the bounds of the same plan."""
    plan, shape = Plan(), shape_of("HuggingFaceTB/SmolLM2-360M")

    def width(card: DeviceBudget) -> int:
        found = estimate(plan, shape, card)
        return found.high - found.low

    measured_often, measured_once, never = (
        width(device_budget(gpu_name=name)) for name in ("T4", "RTX 3090", "RTX 5090")
    )

    assert measured_often < measured_once < never
