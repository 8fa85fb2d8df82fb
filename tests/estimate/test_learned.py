"""Learning corrects little from few runs, and never hides a miss."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from core.estimate.corrected import Figures, corrected
from core.estimate.learned import (
    ENOUGH_RUNS,
    FORMULA,
    Outcome,
    learned,
)
from core.estimate.memory import estimate, estimates
from core.hardware.budget import DeviceBudget, device_budget
from core.models.catalogue import catalogue_shape
from core.models.shape import ModelShape
from core.plan.plan import Method, MethodKind, Plan, Training
from core.units import GIB, MIB

CARD = DeviceBudget(kind="cuda", name="Card", total=12 * GIB, free=12 * GIB)
PROCESSOR = DeviceBudget(kind="cpu", name="Processor", total=64 * GIB, free=48 * GIB)
RAW = Figures(
    allocated=8 * GIB,
    reserved=8 * GIB + 200 * MIB,
    process=8 * GIB + 600 * MIB,
    low=8 * GIB + 300 * MIB,
    high=9 * GIB,
)


def shape() -> ModelShape:
    found = catalogue_shape("meta-llama/Llama-3.2-1B")
    assert found is not None
    return found


def ran(ratio: float, number: int = 0, **changes: object) -> Outcome:
    """Return a run of RAW's size that measured `ratio` of what was predicted."""
    base = Outcome(
        run_id=f"r{number}",
        t=float(number),
        device="Card",
        device_kind="cuda",
        family="llama",
        method="lora",
        predicted=RAW.allocated,
        measured=round(RAW.allocated * ratio),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def see(
    *outcomes: Outcome, raw: Figures = RAW, on_gpu: bool = True, method: str = "lora"
) -> Figures:
    found, _ = corrected(
        raw,
        outcomes,
        device="Card",
        on_gpu=on_gpu,
        family="llama",
        method=method,  # type: ignore[arg-type]
    )
    return found


RATIOS = some.floats(0.5, 2.0)
SIZES = some.integers(64 * MIB, 40 * GIB)
RUNS = some.lists(
    some.builds(
        lambda ratio, size, family, method, complete: ran(
            1.0,
            family=family,
            method=method,
            predicted=size,
            measured=max(1, round(size * ratio)),
            complete=complete,
        ),
        RATIOS,
        SIZES,
        some.sampled_from(["llama", "gemma"]),
        some.sampled_from(["lora", "qlora"]),
        some.sampled_from([True, True, True, False]),
    ),
    max_size=12,
)


@given(RUNS, some.booleans())
@settings(max_examples=200, deadline=None)
def test_every_miss_stays_inside_the_bounds(runs: list[Outcome], on_gpu: bool) -> None:
    """What was measured beside a prediction lies between the bounds made of it."""
    own = [one for one in runs if (one.family, one.method) == ("llama", "lora")]

    found = see(*runs, on_gpu=on_gpu)

    assert found.low <= found.process <= found.high
    assert 0 <= found.allocated <= found.reserved <= found.process
    for one in own:
        ratio = one.measured / one.predicted
        assert found.high >= RAW.process * ratio - 1
        assert found.low <= RAW.process * ratio + 1 or not one.complete


@given(RUNS)
@settings(max_examples=200, deadline=None)
def test_what_is_told_is_what_was_measured(runs: list[Outcome]) -> None:
    """The range in words is that of the runs counted, in order, untouched."""
    told = learned(runs, device="Card", family="llama", method="lora")
    if told is None:
        assert [] == runs
        return
    misses = [one.measured / one.predicted - 1 for one in runs]
    assert told.low <= told.high
    if told.runs:
        assert min(misses) <= told.low
        assert told.high <= max(misses)
    factors = (1.0, 1 + told.low, 1 + told.high)
    assert min(factors) <= told.factor <= max(factors)


@given(some.lists(RATIOS, min_size=1, max_size=ENOUGH_RUNS - 1), some.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_one_run_or_two_never_make_a_plan_fit(ratios: list[float], gib: int) -> None:
    """A verdict gets no better by luck."""
    card = replace(CARD, free=gib * GIB // 4)
    before = estimate(Plan(), shape(), card)
    runs = [
        ran(ratio, number, predicted=before.allocated)
        for number, ratio in enumerate(ratios)
    ]
    runs = [
        replace(r, measured=round(r.predicted * x))
        for r, x in zip(runs, ratios, strict=True)
    ]

    after = estimate(Plan(), shape(), card, outcomes=runs)

    assert after.high >= before.high
    assert after.low <= before.low
    assert before.fits or not after.fits


def test_without_runs_nothing_changes() -> None:
    """Not a byte; and nothing is said to have been learnt."""
    for budget in (CARD, PROCESSOR):
        plain = estimates(Plan(), shape(), budget)
        elsewhere = ran(2.0, device="Another card")

        assert plain == estimates(Plan(), shape(), budget, outcomes=())
        assert plain == estimates(Plan(), shape(), budget, outcomes=[elsewhere])
        assert all(found.learned is None for found in plain.values())


def test_bounds_narrow_as_runs_agree() -> None:
    """Never below three runs; then each makes them narrower, down to a share."""
    widths: list[float] = []
    for count in range(12):
        found = see(*(ran(1.01, number) for number in range(count)))
        widths.append((found.high - found.low) / found.process)

    assert widths[0] * 0.99 <= widths[2]
    assert widths[3] < 0.8 * widths[2]
    assert all(late <= early for early, late in pairwise(widths[2:]))
    assert widths[-1] > 0.3 * widths[0]


def test_few_runs_correct_little_and_many_correct_more() -> None:
    """Shrinkage: one run moves the figure a quarter of the way, nine most of it."""
    moved = [
        see(*(ran(1.10, number) for number in range(count))).allocated / RAW.allocated
        for count in (1, 3, 9)
    ]

    assert [1.024, 1.049, 1.074] == [pytest.approx(found, abs=0.001) for found in moved]


def test_runs_of_another_kind_correct_but_do_not_narrow() -> None:
    """A new family, or method, starts with the formula's own doubt."""
    others = [ran(1.05, number, family="gemma") for number in range(6)]

    by_method = see(*others)
    told = learned(others, device="Card", family="llama", method="lora")

    assert by_method.process > RAW.process
    assert by_method.high >= RAW.high
    assert by_method.low <= RAW.low
    assert told is not None
    assert (6, False) == (told.runs, told.narrows)


def test_the_closest_runs_count_where_there_are_enough() -> None:
    """Three of the same family and method outweigh any number of others."""
    others = [ran(1.5, number, family="gemma") for number in range(9)]
    own = [ran(1.0, number) for number in range(9, 12)]

    told = learned([*others, *own], device="Card", family="llama", method="lora")

    assert told is not None
    assert (3, 0.0, 0.0) == (told.runs, told.low, told.high)


def test_a_tiny_run_neither_corrects_nor_narrows_a_large_one() -> None:
    """Its miss counts as a share of its own doubt: a context is no third of 8 GiB."""
    tiny = [
        ran(
            1.3,
            number,
            predicted=300 * MIB,
            measured=390 * MIB,
            predicted_process=700 * MIB,
            measured_process=800 * MIB,
            low=600 * MIB,
            high=800 * MIB,
        )
        for number in range(6)
    ]

    found = see(*tiny)

    assert RAW == found
    worse = see(*(replace(one, measured_process=850 * MIB) for one in tiny))
    assert worse.high == RAW.process + round(1.5 * (RAW.high - RAW.process))


def test_out_of_memory_widens_and_is_told() -> None:
    """It is a lower bound: more would have been needed than there was."""
    failed = ran(1.08, complete=False, out_of_memory=True)
    fine = [ran(1.0, number) for number in range(1, 7)]

    found = see(*fine, failed)
    told = learned([*fine, failed], device="Card", family="llama", method="lora")

    assert found.high >= RAW.process * 1.08 * 1.05
    assert told is not None
    assert told.text.endswith("1 run here ran out of memory")


def test_a_lower_bound_below_the_prediction_teaches_nothing() -> None:
    """A run whose batches are not known may have taken less because they were short."""
    assert RAW == see(*(ran(0.4, number, complete=False) for number in range(6)))


def test_another_formulas_misses_are_not_this_ones() -> None:
    """Runs predicted by an older formula say nothing of the one of now."""
    assert RAW == see(ran(2.0, formula=FORMULA + 1))


@pytest.mark.parametrize(
    ("budget", "kind", "checkpointing", "mib"),
    [
        (CARD, "lora", False, 6122),
        (CARD, "lora", True, 3118),
        (CARD, "qlora", False, 4745),
        (CARD, "qlora", True, 1741),
        (PROCESSOR, "lora", False, 6596),
        (PROCESSOR, "lora", True, 3292),
        (PROCESSOR, "qlora", False, 7075),
    ],
)
def test_a_formula_that_says_something_else_has_another_number(
    budget: DeviceBudget, kind: MethodKind, checkpointing: bool, mib: int
) -> None:
    """Should this fail: raise FORMULA, then write down what the formula says now."""
    training = Training(
        batch_size=2, seq_len=1024, gradient_checkpointing=checkpointing
    )
    found = estimate(Plan(method=Method(kind=kind), train=training), shape(), budget)

    assert 3 == FORMULA
    size = found.allocated if budget.kind == "cuda" else found.process
    assert size / MIB == pytest.approx(mib, rel=0.03)


def test_the_process_as_the_driver_counts_it_bounds_the_process() -> None:
    """Where only the context was larger, allocated bytes stay as they were."""
    runs = [
        ran(
            1.0,
            number,
            predicted_process=RAW.process,
            measured_process=round(RAW.process * 1.1),
        )
        for number in range(9)
    ]

    found = see(*runs)

    assert RAW.allocated == found.allocated
    assert found.process == pytest.approx(RAW.process * 1.074, rel=0.001)
    assert found.high >= RAW.process * 1.1


@pytest.mark.parametrize(
    ("ratios", "text"),
    [
        ([1.021], "last run here: +2.1 %"),
        ([0.988, 1.021], "last 2 runs here: −1.2 … +2.1 %"),
        ([1.0, 1.0, 1.0], "last 3 runs here: 0.0 … 0.0 %"),
    ],
)
def test_it_is_said_in_words(ratios: list[float], text: str) -> None:
    """As the issue has it; a real minus sign."""
    runs = [ran(ratio, number) for number, ratio in enumerate(ratios)]

    told = learned(runs, device="Card", family="llama", method="lora")

    assert told is not None
    assert text == told.text


@pytest.mark.parametrize("ratio", [0.55, 0.97, 1.4])
@pytest.mark.parametrize("budget", [CARD, PROCESSOR])
def test_corrected_components_still_sum_up(ratio: float, budget: DeviceBudget) -> None:
    """Every byte has its place, whichever way a figure was moved."""
    plan = Plan(method=Method(kind="lora"), train=Training(seq_len=512))
    before = estimate(plan, shape(), budget)
    size = before.allocated if budget.kind == "cuda" else before.process
    runs = [
        ran(
            ratio,
            number,
            device=budget.name,
            device_kind=budget.kind,
            predicted=size,
            measured=round(size * ratio),
        )
        for number in range(30)
    ]

    found = estimate(plan, shape(), budget, outcomes=runs)

    parts = found.components
    assert found.process == sum(getattr(parts, name) for name in parts.__slots__)
    assert all(getattr(parts, name) >= 0 for name in parts.__slots__)
    assert found.learned is not None
    assert (found.process < before.process) is (ratio < 1)


def test_a_plain_loop_is_not_corrected_by_runs_of_ours() -> None:
    """They hold other tensors."""
    runs = [ran(1.2, number) for number in range(6)]

    assert estimate(Plan(), shape(), CARD, loop="plain") == estimate(
        Plan(), shape(), CARD, loop="plain", outcomes=runs
    )


def test_an_imagined_card_of_no_name_has_no_runs() -> None:
    """A size typed in is nobody's machine."""
    runs = [ran(1.2, number) for number in range(6)]

    assert (
        estimate(
            Plan(), shape(), device_budget(gpu_memory=12 * GIB), outcomes=runs
        ).learned
        is None
    )
