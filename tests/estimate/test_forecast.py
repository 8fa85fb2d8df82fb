"""How fast a run will be: from the data sheet, then from what was measured here."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.estimate.learned import Outcome
from core.estimate.loop import habits
from core.hardware.budget import DeviceBudget, cpu_budget, device_budget
from core.models.catalogue import catalogue, catalogue_shape
from core.models.shape import ModelShape
from core.plan.fields import with_value
from core.plan.plan import Method, ModelChoice, Plan, Training
from core.planner.forecast import Forecast, forecast, reference_tokens_per_s
from core.planner.work import work
from core.units import GIB

LLAMA = "meta-llama/Llama-3.1-8B"
PLAN = Plan(
    model=ModelChoice(id=LLAMA),
    method=Method(kind="qlora"),
    train=Training(batch_size=2, gradient_accumulation=4, gradient_checkpointing=True),
)
CARD = device_budget(gpu_name="RTX 4090")


def shape(name: str = LLAMA) -> ModelShape:
    found = catalogue_shape(name)
    assert found is not None
    return found


def rate(plan: Plan, budget: DeviceBudget = CARD, model: str = LLAMA) -> float:
    found = reference_tokens_per_s(plan, shape(model), budget)
    assert found is not None
    return found


def outcome(measured: float, predicted: float = 1000, **other: str) -> Outcome:
    return Outcome(
        run_id="r", t=0, device=other.get("device", CARD.name), device_kind="cuda",
        family="llama", method="lora" if other.get("method") == "lora" else "qlora",
        predicted=1, measured=1, model=other.get("model", LLAMA),
        predicted_tokens_per_s=predicted, tokens_per_s=measured,
    )  # fmt: skip


def told(outcomes: list[Outcome], budget: DeviceBudget = CARD) -> Forecast:
    found = forecast(PLAN, shape(), budget, outcomes)
    assert found is not None
    return found


def test_the_count_of_operations_is_the_fields() -> None:
    """2 N forward, 2 N for the input's gradient, 2 N again under checkpointing."""
    kept = with_value(PLAN, "train.gradient_checkpointing", value=False)
    how = habits(PLAN, CARD, "tunesmith")
    elements = sum(linear.elements * count for linear, count in shape().linears())
    once, again = (work(plan, shape(), how) for plan in (kept, PLAN))

    per_token = once.flops / once.tokens / elements

    assert 4 < per_token < 4.8  # attention, adapters and the head come on top
    assert 2 < (again.flops - once.flops) / once.tokens / elements < 2.3
    assert 2 * elements == once.unpacked
    assert 3 * elements == again.unpacked


def test_a_layers_attention_grows_with_the_square_of_the_length() -> None:
    """And twice the rows are twice the work."""
    how = habits(PLAN, CARD, "tunesmith")

    def flops(batch: int, length: int) -> float:
        train = replace(PLAN.train, batch_size=batch, seq_len=length)
        return work(replace(PLAN, train=train), shape(), how).flops

    assert flops(2, 1024) == pytest.approx(2 * flops(1, 1024))
    more = flops(1, 4096) - 4 * flops(1, 1024)
    attention = shape().blocks[0].attention
    square = 4 * attention.query * shape().layers * 4.5 / 2
    assert more == pytest.approx(square * (4096**2 - 4 * 1024**2))


def test_what_makes_a_step_slower_makes_the_forecast_lower() -> None:
    """Checkpointing, four bits, one row at a time, more layers adapted, a slower card."""
    lora = with_value(PLAN, "method.kind", "lora")
    few = with_value(lora, "method.target_modules", ("q_proj", "v_proj"))

    assert rate(PLAN) < rate(
        with_value(PLAN, "train.gradient_checkpointing", value=False)
    )
    assert rate(PLAN) < rate(lora) < rate(few)
    assert rate(with_value(PLAN, "train.batch_size", 1)) < rate(PLAN)
    assert rate(with_value(PLAN, "train.attention", "eager")) < rate(PLAN)
    assert rate(with_value(PLAN, "method.use_dora", value=True)) < 0.9 * rate(PLAN)
    assert rate(with_value(PLAN, "method.compute_dtype", "fp32")) < 0.7 * rate(PLAN)
    assert rate(PLAN, device_budget(gpu_name="3060")) < rate(PLAN) / 3
    assert rate(PLAN, model="Qwen/Qwen2.5-14B-Instruct") < rate(PLAN)


def test_short_rows_leave_a_card_idle() -> None:
    """Where the data's rows are known, they are what counts; packed ones are full."""
    short = reference_tokens_per_s(PLAN, shape(), CARD, row_tokens=40)
    packed = with_value(PLAN, "train.packing", value=True)

    assert short is not None
    assert short < 0.7 * rate(PLAN)
    assert rate(packed) == reference_tokens_per_s(packed, shape(), CARD, row_tokens=40)
    assert rate(PLAN) == reference_tokens_per_s(PLAN, shape(), CARD, row_tokens=9999)


def test_a_device_without_known_rates_has_no_forecast() -> None:
    """Nothing is made up for a size, a stranger, or a processor never measured."""
    sized = device_budget(gpu_memory=24 * GIB)
    stranger = replace(CARD, name="NVIDIA GeForce RTX 9990")

    for budget in (sized, stranger, cpu_budget()):
        assert forecast(PLAN, shape(), budget) is None


def test_a_card_alone_gives_wide_bounds() -> None:
    """The reason names it, and seconds turn the bounds round."""
    found = told([])
    shortest, expected, longest = found.seconds(1e6)

    assert "card" == found.basis
    assert CARD.name in found.reason
    assert found.high / found.low > 3
    assert shortest < expected < longest
    assert expected == pytest.approx(1e6 / found.tokens_per_s)


def test_runs_move_the_forecast_and_narrow_it() -> None:
    """One run counts for something, many for all."""
    plain = told([])
    one, many = told([outcome(500)]), told([outcome(500)] * 9)

    assert "runs" == one.basis == many.basis
    assert plain.tokens_per_s / 2 < one.tokens_per_s < plain.tokens_per_s
    assert many.tokens_per_s == pytest.approx(plain.tokens_per_s / 2, rel=0.02)
    assert many.high / many.low < one.high / one.low < plain.high / plain.low
    assert "9 runs" in many.reason


def test_other_devices_and_runs_without_figures_say_nothing() -> None:
    """Another card's runs stay there."""
    strange = outcome(500, device="Tesla T4")
    silent = replace(outcome(500), tokens_per_s=None)

    assert told([]) == told([strange, silent, outcome(500, predicted=0)])


def test_the_same_method_speaks_before_others() -> None:
    """Runs of LoRA count for QLoRA only while there are none of QLoRA."""
    lora = [outcome(500, method="lora")] * 9

    assert told(lora).tokens_per_s < told([]).tokens_per_s
    assert told([outcome(1000)]) == told([*lora, outcome(1000)])


def test_a_processor_is_forecast_from_its_runs_alone() -> None:
    """Its own rate, carried over to other models by their work."""
    cpu = cpu_budget()
    small = "Qwen/Qwen2.5-0.5B"
    reference = rate(PLAN, cpu, small)
    run = replace(
        outcome(reference / 7, reference, device=cpu.name),
        device_kind="cpu",
        model=small,
    )
    found = forecast(PLAN, shape(small), cpu, [run])
    other = forecast(PLAN, shape(), cpu, [run])

    assert found is not None
    assert other is not None
    assert found.tokens_per_s == pytest.approx(reference / 7)
    assert other.tokens_per_s < found.tokens_per_s / 5


@given(st.lists(st.floats(50, 20_000), min_size=1, max_size=30))
def test_nine_of_ten_runs_lie_within_the_bounds(rates: list[float]) -> None:
    """The expected rate stands between bounds that nearly all runs kept."""
    found, plain = told([outcome(r) for r in rates]), told([])
    recent = [plain.tokens_per_s * rate / 1000 for rate in rates[-20:]]
    within = [found.low * 0.999 <= one <= found.high * 1.001 for one in recent]

    assert found.low <= found.tokens_per_s <= found.high
    assert within.count(True) >= 0.9 * len(within)


def test_one_run_beside_a_game_hardly_counts() -> None:
    """The middle of the runs decides, not their mean."""
    steady = [outcome(1000)] * 9

    disturbed = told([*steady, outcome(100)])

    assert told(steady).tokens_per_s == pytest.approx(disturbed.tokens_per_s, rel=0.02)
    assert disturbed.low > told([]).low


def test_every_model_and_method_has_a_plausible_rate() -> None:
    """Between a token a second and a hundred thousand, on any of the catalogue."""
    for facts in catalogue():
        found = catalogue_shape(facts.id)
        assert found is not None
        for kind in ("lora", "qlora", "full"):
            plan = with_value(PLAN, "method.kind", kind)
            known = reference_tokens_per_s(plan, found, CARD)
            assert known is not None
            assert 1 < known < 200_000


@pytest.mark.parametrize("measured", [300, 3000])
def test_a_run_by_one_method_leaves_the_other_its_place(measured: float) -> None:
    """Beside each other the methods keep their ratio; the unmeasured one is less sure."""
    plans = [with_value(PLAN, "method.kind", kind) for kind in ("lora", "qlora")]
    runs = [outcome(measured, method="lora")]
    said = [forecast(plan, shape(), CARD, runs) for plan in plans]
    lora, qlora = (one for one in said if one is not None)
    wide = [one.high / one.low for one in (lora, qlora)]

    assert lora.tokens_per_s / qlora.tokens_per_s == pytest.approx(
        rate(plans[0]) / rate(plans[1])
    )
    assert wide[0] < wide[1]
