"""The estimate: exact where bytes are known, judged with care where they are not."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from core.engine import optimizer as engine_optimizer
from core.engine.head import chunk_tokens as engine_chunk_tokens
from core.estimate import loop
from core.estimate.loop import chunk_tokens
from core.estimate.memory import METHODS, estimate, estimates
from core.hardware.budget import DeviceBudget, cpu_budget, device_budget
from core.hardware.gpu import GpuProcess
from core.models.catalogue import catalogue, catalogue_shape
from core.models.reading import read_shape
from core.models.shape import ModelShape
from core.plan.plan import Method, MethodKind, Plan, Training
from core.units import GIB, MIB

CARD = device_budget(gpu_memory=12 * GIB)


def shape(name: str = "meta-llama/Llama-3.2-1B") -> ModelShape:
    found = catalogue_shape(name)
    assert found is not None
    return found


def test_components_sum_to_the_process() -> None:
    """Nothing is counted twice or left out, for any method and device."""
    for budget in (CARD, cpu_budget()):
        for found in estimates(Plan(), shape(), budget).values():
            parts = found.components
            total = sum(getattr(parts, name) for name in parts.__slots__)
            assert found.process == total
            assert found.low <= found.process <= found.high
            assert found.allocated <= found.reserved <= found.process


def test_the_base_model_is_counted_to_the_byte() -> None:
    """16 bits a weight; NF4 keeps embeddings and norms in 16 bits (QLoRA, section 3)."""
    found = estimates(Plan(), shape(), CARD)
    whole = shape()
    linear = sum(layer.elements * count for layer, count in whole.linears())

    lora, qlora = found["lora"].components, found["qlora"].components

    # the small tensors are rounded up to 512 bytes
    assert 0 <= lora.weights - 2 * whole.parameters < 64 * 512
    rest = 2 * (whole.parameters - linear)
    assert 0 <= qlora.weights - linear // 2 - rest < 64 * 512
    # double quantisation: one byte for 64 weights, four for 64 * 256
    scales = linear / 64 + 4 * linear / (64 * 256)
    layers = sum(count for _, count in whole.linears())
    assert scales <= qlora.quantization <= scales + layers * 3072


def test_our_loop_never_holds_all_logits() -> None:
    """Twice the tokens hardly raise the logits; in a plain loop they double."""
    short, long = (Plan(train=Training(batch_size=n, seq_len=2048)) for n in (4, 8))
    ours = [estimate(p, shape(), CARD).components.logits for p in (short, long)]
    plain = [
        estimate(p, shape(), CARD, loop="plain").components.logits
        for p in (short, long)
    ]

    assert ours[1] < 1.3 * ours[0]
    assert plain[1] == pytest.approx(2 * plain[0], rel=0.01)


def test_the_engine_and_the_estimate_cut_the_loss_alike() -> None:
    """Both name the same number of tokens for every vocabulary."""
    for vocabulary in (97, 32_000, 49_152, 128_256, 151_936, 262_144, 5_000_000):
        assert engine_chunk_tokens(vocabulary) == chunk_tokens(vocabulary)


def test_the_engine_and_the_estimate_slice_the_optimisers_step_alike() -> None:
    assert engine_optimizer.SLICE_BYTES == loop.SLICE_BYTES


PLANS = some.builds(
    Plan,
    method=some.builds(
        Method,
        kind=some.sampled_from(METHODS),
        rank=some.integers(1, 256),
        dropout=some.sampled_from([0.0, 0.1]),
        use_dora=some.booleans(),
        double_quant=some.booleans(),
        compute_dtype=some.sampled_from(["auto", "bf16", "fp16", "fp32"]),
        target_modules=some.sampled_from(
            [("all-linear",), ("q_proj", "v_proj"), ("nothing",)]
        ),
    ),
    train=some.builds(
        Training,
        batch_size=some.integers(1, 64),
        gradient_accumulation=some.integers(1, 16),
        seq_len=some.integers(8, 8192),
        gradient_checkpointing=some.booleans(),
        attention=some.sampled_from(["sdpa", "eager", "flash"]),
        optimizer=some.sampled_from(
            ["adamw_torch", "adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit"]
        ),
    ),
)
MODELS = some.sampled_from(sorted(facts.id for facts in catalogue()))


@settings(max_examples=50, deadline=None)
@given(plan=PLANS, model=MODELS, loop=some.sampled_from(["tunesmith", "plain"]))
def test_no_plan_makes_the_estimate_fail(plan: Plan, model: str, loop: Any) -> None:
    """Every plan has a price with sound bounds, on any device."""
    for budget in (CARD, cpu_budget(), device_budget(gpu_name="T4")):
        found = estimate(plan, shape(model), budget, loop=loop)
        assert 0 < found.low <= found.process <= found.high
        assert found.reason
        assert all(
            getattr(found.components, n) >= 0 for n in found.components.__slots__
        )


@settings(max_examples=60, deadline=None)
@given(plan=PLANS, model=MODELS)
def test_more_work_never_needs_less(plan: Plan, model: str) -> None:
    """Twice the sequences, or twice the length, take at least as much memory."""
    base = estimate(plan, shape(model), CARD).allocated
    for key, value in (
        ("batch_size", 2 * plan.train.batch_size),
        ("seq_len", 2 * plan.train.seq_len),
    ):
        more = replace(plan, train=replace(plan.train, **{key: value}))
        assert estimate(more, shape(model), CARD).allocated >= base


def test_a_mixture_of_experts_stays_in_16_bits() -> None:
    """Experts are parameters, no linear layers: 4 bits do not reach them."""
    mixtral = shape("mistralai/Mixtral-8x7B-Instruct-v0.1")

    found = estimate(Plan(method=Method(kind="qlora")), mixtral, CARD)

    assert found.components.weights > 80 * GIB


def test_an_unknown_architecture_says_so() -> None:
    """Its bounds are wide, and the verdict admits what is not known."""
    config = {
        "model_type": "marvel",
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128_256,
    }
    known = read_shape({**config, "model_type": "llama"})
    strange = read_shape(config)
    need = estimate(Plan(), known, CARD)
    tight = device_budget(gpu_memory=round(need.high * 1.05))

    found = estimate(Plan(), strange, tight)

    assert found.high - found.low > 2 * (need.high - need.low)
    assert "unknown" == found.verdict
    assert "unknown" in found.reason


def test_who_must_close_is_named() -> None:
    """What would fit an idle card says who holds the rest of it."""
    need = estimate(Plan(), shape(), CARD)
    busy = DeviceBudget(
        kind="cuda",
        name="RTX 3060",
        total=12 * GIB,
        free=need.low // 2,
        processes=(GpuProcess(pid=7, name="a-game", used=8 * GIB),),
    )

    found = estimate(Plan(), shape(), busy)

    assert "fits-if-closed" == found.verdict
    assert not found.fits
    assert "a-game (8.00 GiB)" in found.reason


def test_a_file_that_is_the_weights_is_not_counted_beside_them() -> None:
    """A processor maps the model's file; what is computed with as read lies there once.

    Widened weights leave it behind: it is there with them while they are read.
    """
    fast, slow = cpu_budget(), cpu_budget()
    fast, slow = replace(fast, bf16=True), replace(slow, bf16=False)
    whole = shape()
    linear = 2 * sum(layer.elements * count for layer, count in whole.linears())

    def rest(kind: MethodKind, budget: DeviceBudget) -> int:
        found = estimate(Plan(method=Method(kind=kind)), whole, budget)
        return found.reserved - found.allocated

    assert rest("qlora", fast) - rest("lora", fast) == pytest.approx(linear, rel=0.01)
    assert rest("lora", slow) < linear / 2
    tiny = Plan(train=Training(batch_size=1, seq_len=8))
    loading = estimate(tiny, whole, slow).process
    assert loading == pytest.approx((4 + 2) * whole.parameters, rel=0.01)


def test_room_for_logits_lies_idle_where_long_batches_map_theirs() -> None:
    """A block of more than 32 MiB is mapped on its own, beside what shorter ones left."""
    words = shape().vocabulary
    budget = replace(cpu_budget(), bf16=True)

    def kept(tokens: int) -> float:
        found = estimate(Plan(), shape(), budget, trained_tokens=tokens)
        return (found.reserved - found.allocated) / MIB

    in_heap, wide_mapped, both_mapped = (
        int(share * 32 * MIB / words / 4) for share in (0.9, 1.1, 2.2)
    )
    assert 32 <= kept(wide_mapped) - kept(in_heap) < 34
    assert 32 <= kept(both_mapped) - kept(wide_mapped) < 38
