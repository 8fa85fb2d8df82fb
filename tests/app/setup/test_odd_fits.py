"""Whatever the draft, the model and the device are, step 4 answers in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from app.setup.fit_text import as_text
from app.setup.fit_view import FitView, present_fit
from app.setup.fit_work import Asked, FitWork
from app.setup.ports import Ports
from core.errors import ModelError, TunesmithError
from core.estimate.learned import Outcome
from core.hardware.budget import DeviceBudget
from core.hardware.gpu import GpuProcess
from core.models.catalogue import catalogue, catalogue_config
from core.models.reading import read_shape
from core.models.shape import ModelShape
from core.plan.fields import with_value
from core.plan.plan import Method, Plan, Training
from core.units import GIB
from tests.app.setup.conftest import Maker
from tests.app.setup.made import BUDGET, facts
from tests.app.setup.test_viewmodel import with_estimates

IDS = sorted(facts.id for facts in catalogue())
FREE = st.sampled_from((0, 1, 1 << 20, 6 * GIB, 80 * GIB, 10**15))
methods = st.builds(
    Method,
    kind=st.sampled_from(("lora", "qlora", "lora8", "full")),
    rank=st.sampled_from((0, 1, 2, 16, 256, 100_000)),
    dropout=st.sampled_from((0.0, 0.1, 1.0)),
    target_modules=st.sampled_from((("all-linear",), ("nope",), ("c_attn",), ())),
    use_dora=st.booleans(),
    double_quant=st.booleans(),
    compute_dtype=st.sampled_from(("auto", "bf16", "fp16", "fp32")),
)
trainings = st.builds(
    Training,
    batch_size=st.sampled_from((-1, 0, 1, 3, 64, 4096, 10**9)),
    gradient_accumulation=st.sampled_from((0, 1, 8, 65_536)),
    seq_len=st.sampled_from((0, 1, 8, 127, 4096, 1_048_576, 10**12)),
    optimizer=st.sampled_from(("adamw_torch", "adamw_8bit", "paged_adamw_32bit")),
    gradient_checkpointing=st.booleans(),
    attention=st.sampled_from(("sdpa", "eager", "flash")),
)
budgets = st.builds(
    DeviceBudget,
    kind=st.sampled_from(("cuda", "cpu")),
    name=st.sampled_from(("GeForce RTX 3060", "An odd card", "")),
    total=FREE,
    free=FREE,
    compute_capability=st.sampled_from((None, (6, 1), (7, 5), (8, 6), (12, 0))),
    processes=st.lists(
        st.builds(
            GpuProcess,
            pid=st.integers(1, 9),
            name=st.sampled_from(("", "game", "<b>x")),
            used=st.sampled_from((None, 0, GIB)),
        ),
        max_size=2,
    ).map(tuple),
    bf16=st.booleans(),
    imagined=st.booleans(),
)
outcomes = st.builds(
    Outcome,
    run_id=st.just("r"),
    t=st.floats(0, 10),
    device=st.just("GeForce RTX 3060"),
    device_kind=st.just("cuda"),
    family=st.sampled_from(("llama", "")),
    method=st.sampled_from(("lora", "qlora")),
    predicted=st.sampled_from((0, 1, 8 * GIB)),
    measured=st.sampled_from((0, 1, 9 * GIB)),
    predicted_tokens_per_s=st.sampled_from((None, 0.0, 1e3)),
    tokens_per_s=st.sampled_from((None, 0.0, 5.0, 1e9)),
    complete=st.booleans(),
    out_of_memory=st.booleans(),
)


@st.composite
def shapes(draw: st.DrawFn) -> ModelShape:
    """Return the shape of a config of the catalogue with some sizes made odd."""
    config = dict(catalogue_config(draw(st.sampled_from(IDS))) or {})
    sizes = [key for key, value in config.items() if type(value) is int]
    for key in draw(st.lists(st.sampled_from(sizes), max_size=2)):
        config[key] = draw(st.sampled_from((1, 3, 64, 4096, 10**6)))
    if draw(st.booleans()):
        config["model_type"] = "of-tomorrow"
    try:
        return read_shape(config)
    except ModelError:
        return replace(read_shape(catalogue_config(IDS[0]) or {}), known=False)


@pytest.fixture
def work(ports: Ports, qtbot: QtBot) -> Iterator[FitWork]:
    made = FitWork(ports)
    yield made
    made.shut_down()


def shown(work: FitWork, plan: Plan, shape: ModelShape | None) -> FitView:
    work.reckon(Asked(plan=plan, shape=shape, facts=facts(), row_tokens=90.0))
    work._explain()
    return present_fit(plan, work.state, shape, name="small")


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    methods,
    trainings,
    shapes(),
    budgets,
    st.lists(outcomes, max_size=3).map(tuple),
    st.booleans(),
)
def test_the_estimate_never_raises_in_the_window(
    work: FitWork,
    method: Method,
    training: Training,
    shape: ModelShape,
    budget: DeviceBudget,
    known: tuple[Outcome, ...],
    compares: bool,
) -> None:
    """Odd layers, no memory, absurd settings, odd runs: bars, or a sentence why not."""
    work.outcomes = known
    work.state = replace(work.state, budget=budget, compares_all=compares)
    plan = Plan(method=method, train=training)
    view = shown(work, plan, shape)

    assert bool(view.bars) != (view.failure is not None)
    if view.bars:
        assert sum(part.size_bytes for part in view.bars[0].parts) >= 0
        assert view.title[0] in as_text(view)
    else:
        assert view.failure is not None
        assert view.failure.message
        assert view.failure.hint


def test_a_setting_out_of_reach_is_named(qtbot: QtBot, make_model: Maker) -> None:
    """A batch of nothing is said, nothing is asked for it, and mending it mends all."""
    model = make_model()
    with_estimates(qtbot, model)
    model.type_value("train.batch_size", "0")
    view = model.view.fit

    assert view.failure is not None
    assert "Batch size is 0, so the memory cannot be told." == view.failure.message
    assert "Use 1 or more." == view.failure.hint
    assert not view.exact.can_ask
    model.fit.ask_which_card()
    model.fit.offer()
    model.set_value("train.batch_size", 2)
    assert model.view.fit.failure is None
    assert model.view.fit.bars
    assert model.view.fit.cards is None


def test_without_a_device_it_waits(work: FitWork) -> None:
    """Before the device was looked at, the step says so and offers nothing."""
    view = shown(work, Plan(), None)

    assert "Looking for a device" == view.device_title
    assert not view.can_make_fit
    assert view.empty_text


def test_a_failure_of_the_device_is_told_and_mended(
    qtbot: QtBot, make_model: Maker
) -> None:
    """A driver that does not answer is a sentence; the next look may find it."""
    answers: list[Any] = [ModelError("gpu.gone", "No answer.", hint="Look again.")]

    def budget(memory: int | None, name: str | None) -> DeviceBudget:
        if answers:
            raise answers.pop()
        return BUDGET

    model = make_model(device_budget=budget)
    model.choose_model("org/small")
    model.wake()
    qtbot.waitUntil(lambda: model.view.fit.failure is not None)
    assert "No answer." == model.view.fit.failure.message  # type: ignore[union-attr]
    model.fit.measure()
    qtbot.waitUntil(lambda: bool(model.view.fit.bars))

    assert model.view.fit.failure is None


def test_an_estimate_that_refuses_is_told(qtbot: QtBot, make_model: Maker) -> None:
    """A model the formula has no answer for gets its reason, not a crash."""

    def refuse(*rest: Any, **named: Any) -> Any:
        raise TunesmithError("model.odd", "No formula.", hint="Run it dry.")

    model = make_model(forecast=refuse)
    model.choose_model("org/small")
    model.wake()
    qtbot.waitUntil(lambda: model.view.fit.failure is not None)

    assert "No formula." == model.view.fit.failure.message  # type: ignore[union-attr]
    assert () == model.view.fit.bars


def test_a_plan_file_with_absurd_values_opens(qtbot: QtBot, make_model: Maker) -> None:
    """The rest of the page stays alive, and the value can be mended by undo."""
    model = make_model()
    with_estimates(qtbot, model)
    absurd = with_value(with_value(model.plan, "method.rank", -3), "train.seq_len", 0)
    model.open_plan(absurd)
    QCoreApplication.processEvents()

    assert model.view.fit.failure is not None
    assert not model.view.start.can_start
    model.undo()
    assert model.view.fit.bars
