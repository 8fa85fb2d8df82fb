"""The search finds the cheapest combination that fits, and asks seldom."""

import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from core.estimate.memory import estimate
from core.hardware.budget import device_budget
from core.models.catalogue import catalogue_shape
from core.models.shape import ModelShape
from core.plan.fields import changed_keys, value_of
from core.plan.plan import Method, Plan, Training
from core.planner.advice import fit_plan
from core.planner.knobs import Knob, Setting, knobs, turned
from core.planner.search import Search, slowness
from core.units import GIB

SMALL = "Qwen/Qwen2.5-0.5B"
KEYS = ("train.seq_len", "method.rank", "train.gradient_checkpointing")


def shape(name: str = SMALL) -> ModelShape:
    found = catalogue_shape(name)
    assert found is not None
    return found


@st.composite
def lattices(draw: st.DrawFn) -> tuple[tuple[Knob, ...], dict[str, list[int]]]:
    """Draw knobs with rising prices, and what each of their settings saves."""
    made: list[Knob] = []
    saves: dict[str, list[int]] = {}
    for key, values in zip(
        KEYS, ((2048, 1024, 512, 256), (64, 32, 16), (False, True)), strict=True
    ):
        prices = sorted(draw(st.lists(st.integers(1, 99), min_size=4, max_size=4)))
        steps = draw(st.lists(st.integers(0, 40), min_size=4, max_size=4))
        made.append(
            Knob(
                key=key,
                settings=tuple(
                    Setting(value=value, price=0.0 if n == 0 else prices[n] + n / 10)
                    for n, value in enumerate(values)
                ),
            )
        )
        saves[key] = [sum(steps[:n]) for n in range(len(values))]
    return tuple(made), saves


@given(lattices(), st.integers(0, 300), st.integers(0, 60))
@settings(deadline=None)
def test_the_first_that_fits_is_the_cheapest_of_all(
    drawn: tuple[tuple[Knob, ...], dict[str, list[int]]], free: int, slower: int
) -> None:
    """No combination that fits costs less, by brute force over all of them."""
    made, saves = drawn
    wish = Plan(
        method=Method(rank=64),
        train=Training(seq_len=2048, gradient_checkpointing=False),
    )

    def fits(plan: Plan) -> bool:
        saved = sum(
            saves[knob.key][
                [one.value for one in knob.settings].index(value_of(plan, knob.key))
            ]
            for knob in made
        )
        return 300 - saved <= free

    search = Search(
        plan=wish,
        knobs=made,
        fits=fits,
        slowness=lambda plan: slower * plan.train.gradient_checkpointing,
    )
    best = search.best()
    every = list(itertools.product(*(range(len(knob.settings)) for knob in made)))
    possible = [search.cost(place) for place in every if fits(search.at(place))]

    assert (best is None) == (not possible)
    if best is not None:
        assert fits(search.at(best))
        assert math.isclose(min(possible), search.cost(best))


def test_a_real_wish_gets_the_cheapest_plan_of_its_grid() -> None:
    """The estimate falls as the knobs turn, so nothing cheaper was passed over."""
    wish = Plan(train=Training(batch_size=4, gradient_accumulation=2, seq_len=1024))
    kept = {"train.seq_len", "method.rank", "method.target_modules"}
    roomy = device_budget(gpu_memory=80 * GIB)
    made = knobs(wish, shape(), roomy, kept)
    leanest = wish
    for knob in made:
        leanest = turned(leanest, knob.key, knob.settings[-1].value)
    least = estimate(leanest, shape(), roomy).high
    most = estimate(wish, shape(), roomy).high
    for share in (0.05, 0.3, 0.6, 0.9):
        card = device_budget(gpu_memory=round(least + share * (most - least)))
        search = Search(
            plan=wish,
            knobs=made,
            fits=lambda plan, card=card: estimate(plan, shape(), card).fits,
            slowness=slowness(wish, shape(), card),
        )
        every = itertools.product(*(range(len(knob.settings)) for knob in made))
        possible = [search.cost(p) for p in every if search.fits(search.at(p))]
        best = search.best()

        assert best is not None
        assert math.isclose(min(possible), search.cost(best))


def test_what_costs_time_alone_comes_before_what_costs_quality() -> None:
    """Checkpointing and small batches first; four bits when 16 cannot be had."""
    wish = Plan(train=Training(batch_size=8, gradient_accumulation=1, seq_len=2048))
    llama = shape("meta-llama/Llama-3.1-8B")

    roomy = fit_plan(wish, llama, device_budget(gpu_memory=24 * GIB))
    tight = fit_plan(wish, llama, device_budget(gpu_memory=12 * GIB))

    assert "lora" == roomy.plan.method.kind
    assert "qlora" == tight.plan.method.kind
    for fit in (roomy, tight):
        assert 2048 == fit.plan.train.seq_len
        assert wish.method.rank == fit.plan.method.rank
        assert wish.method.target_modules == fit.plan.method.target_modules


def test_few_layers_and_short_rows_are_the_last_resort() -> None:
    """They are given up where nothing else is left, and rows no shorter than needed."""
    wish = Plan(train=Training(batch_size=8, gradient_accumulation=1, seq_len=4096))
    card = device_budget(gpu_memory=8 * GIB)
    fit = fit_plan(wish, shape("meta-llama/Llama-3.1-8B"), card)
    longer = Plan(
        method=fit.plan.method,
        train=Training(
            batch_size=fit.plan.train.batch_size,
            gradient_accumulation=fit.plan.train.gradient_accumulation,
            gradient_checkpointing=fit.plan.train.gradient_checkpointing,
            optimizer=fit.plan.train.optimizer,
            seq_len=fit.plan.train.seq_len + 64,
        ),
    )

    assert fit.estimate.fits
    assert 1024 < fit.plan.train.seq_len < 4096
    assert not estimate(longer, shape("meta-llama/Llama-3.1-8B"), card).fits


def test_rows_are_cut_for_nothing_only_where_none_is_so_long() -> None:
    """A length beyond the longest row is memory wasted, and giving it up is free."""
    wish = Plan(train=Training(batch_size=8, gradient_accumulation=1, seq_len=4096))
    card = device_budget(gpu_memory=24 * GIB)
    llama = shape("meta-llama/Llama-3.1-8B")

    fit = fit_plan(wish, llama, card, longest_row_tokens=300)

    assert [("train.seq_len", 320)] == [
        (change.field, change.after)
        for change in fit.changes
        if change.field == "train.seq_len"
    ]
    assert "lora" == fit.plan.method.kind
    assert fit.estimate.fits


@st.composite
def wishes(draw: st.DrawFn) -> Plan:
    """Draw plans a person might start from."""
    return Plan(
        method=Method(
            kind=draw(st.sampled_from(("lora", "qlora", "lora8"))),
            rank=draw(st.sampled_from((4, 8, 32, 100))),
            use_dora=draw(st.booleans()),
            compute_dtype=draw(st.sampled_from(("auto", "fp32"))),
            double_quant=draw(st.booleans()),
            target_modules=draw(
                st.sampled_from((("all-linear",), ("q_proj", "v_proj"), ("down_proj",)))
            ),
        ),
        train=Training(
            batch_size=draw(st.integers(1, 12)),
            gradient_accumulation=draw(st.sampled_from((1, 3, 8))),
            seq_len=draw(st.sampled_from((100, 512, 1000, 3072))),
            optimizer=draw(st.sampled_from(("adamw_torch", "paged_adamw_32bit"))),
            attention=draw(st.sampled_from(("sdpa", "eager"))),
            gradient_checkpointing=draw(st.booleans()),
        ),
    )


@given(
    wishes(),
    st.integers(900, 9000),
    st.sets(st.sampled_from(("batch", "seq_len", "method", "rank", "optimizer"))),
)
@settings(deadline=None, max_examples=25)
def test_any_wish_comes_back_whole(wish: Plan, mib: int, keep: set[str]) -> None:
    """What is kept stays, the effective batch too; what is told adds up and is needed."""
    card, small = device_budget(gpu_memory=mib << 20), shape()
    fit = fit_plan(wish, small, card, keep)
    names = {
        "batch": "train.batch_size", "seq_len": "train.seq_len", "rank": "method.rank",
        "method": "method.kind", "optimizer": "train.optimizer",
    }  # fmt: skip
    changed = {change.field for change in fit.changes}

    assert not changed & {names[name] for name in keep}
    assert wish.train.effective_batch == fit.plan.train.effective_batch
    assert set(changed_keys(fit.plan, wish)) == changed
    first = estimate(wish, small, card)
    assert first.high - fit.estimate.high == sum(one.saves for one in fit.changes)
    if first.fits:
        assert wish == fit.plan
    for change in fit.changes:
        if fit.estimate.fits and change.field != "train.gradient_accumulation":
            undone = turned(fit.plan, change.field, change.before)
            assert not estimate(undone, small, card).fits
    if not fit.estimate.fits:
        kept = {names[name] for name in keep}
        for knob in knobs(wish, small, card, kept):
            assert knob.settings[-1].value == value_of(fit.plan, knob.key)


def test_a_search_asks_a_hundred_times_at_most() -> None:
    """Of ten thousand combinations, so that an answer comes while one looks."""
    wish = Plan(
        method=Method(rank=64),
        train=Training(batch_size=4, gradient_accumulation=4, seq_len=8192),
    )
    large, card = shape("Qwen/Qwen3-8B"), device_budget(gpu_memory=8 * GIB)
    asked: list[Plan] = []

    def fits(plan: Plan) -> bool:
        asked.append(plan)
        return estimate(plan, large, card).fits

    search = Search(
        plan=wish,
        knobs=knobs(wish, large, card, ()),
        fits=fits,
        slowness=slowness(wish, large, card),
    )

    assert search.best() is not None
    assert math.prod(len(knob.settings) for knob in search.knobs) > 5_000
    assert len(asked) <= 100
