"""Steps 3 and 4 as they are shown."""

from __future__ import annotations

from dataclasses import replace

from app.setup.fit_view import FitView, present_fit
from app.setup.method_view import present_method
from app.setup.state import FitState
from core.estimate.answer import Components
from core.hardware.gpu import GpuProcess
from core.models.catalogue import catalogue_shape
from core.models.starter import STARTER_HUB_ID
from core.plan.fields import with_value
from core.plan.plan import Plan
from core.planner.advice import Change, Fit
from core.planner.forecast import Forecast
from core.units import GIB
from tests.app.setup.made import BUDGET, estimate

STATE = FitState(
    budget=BUDGET,
    estimates={
        "lora": estimate(),
        "qlora": estimate("qlora", "tight"),
        "full": estimate("full", "too-large"),
    },
    recommended="qlora",
    recommended_why="It leaves 7.00 GiB.",
    free_disk=100 * GIB,
)


def shown(state: FitState = STATE, plan: Plan | None = None) -> FitView:
    return present_fit(plan or Plan(), state, catalogue_shape(STARTER_HUB_ID))


def test_one_bar_for_each_method_the_engine_trains() -> None:
    """Two bars at first; the others only for comparison, and named so."""
    assert ["LoRA", "QLoRA"] == [bar.label for bar in shown().bars]
    compared = shown(replace(STATE, compares_all=True)).bars
    assert ["LoRA", "QLoRA", "Full fine-tuning"] == [bar.label for bar in compared]
    assert "too large, for comparison" == compared[2].verdict


def test_the_pieces_of_a_bar_sum_to_the_whole() -> None:
    """Each component with memory is a piece; nothing is lost, nothing invented."""
    parts = Components(
        weights=7, quantization=1, adapter=2, gradients=2, optimizer=4, activations=9,
        logits=3, workspace=5, context=6,
    )  # fmt: skip
    state = replace(STATE, estimates={"lora": estimate(components=parts)})
    bar = shown(state).bars[0]

    assert 39 == sum(part.size_bytes for part in bar.parts)
    assert 8 == len({part.name for part in bar.parts})


def test_sliders_reach_the_models_own_length() -> None:
    """The length slider ends where the model does; a longer plan is still shown."""
    slider = next(s for s in shown().sliders if s.key == "train.seq_len")
    longer = with_value(Plan(), "train.seq_len", 100_000)
    beyond = next(s for s in shown(plan=longer).sliders if s.key == "train.seq_len")

    assert 8192 == slider.stops[-1]
    assert 100_000 == beyond.stops[-1]


def test_an_offer_says_what_each_change_saves() -> None:
    """From, to, what it saves and why, in words."""
    change = Change(
        field="train.batch_size", before=8, after=2, saves=GIB, why="Fewer at once."
    )
    offer = Fit(
        plan=Plan(),
        changes=(change,),
        estimate=estimate(),
        max_seq_len=4096,
        max_batch=4,
    )
    view = shown(replace(STATE, offer=offer))

    assert view.offer is not None
    assert "Batch size: 8 → 2" == view.offer.changes[0].text
    assert "saves 1.00 GiB" == view.offer.changes[0].saves
    assert "This change makes it fit" == view.offer.title
    assert "The longest sequence that fits: 4,096 tokens. The largest batch: 4." == (
        view.offer.limits
    )


def test_an_offer_that_does_not_suffice_says_so() -> None:
    """Nothing is promised that the estimate does not hold."""
    large = estimate(verdict="too-large")
    offer = Fit(plan=Plan(), changes=(), estimate=large, max_seq_len=0, max_batch=0)
    view = shown(replace(STATE, offer=offer))

    assert view.offer is not None
    assert "No change of these settings makes this model fit." == view.offer.title


def test_who_else_uses_the_card_is_listed() -> None:
    """Programs that hold memory are named with what they hold, where it is told."""
    others = (
        GpuProcess(pid=1, name="game", used=2 * GIB),
        GpuProcess(pid=2, name="browser"),
    )
    busy = replace(STATE, budget=replace(BUDGET, processes=others))
    imagined = replace(busy, other=replace(BUDGET, name="other", imagined=True))

    assert (("game", "2.00 GiB"), ("browser", "not told")) == shown(busy).others
    assert (
        "game (2.00 GiB), browser. Closing them frees memory."
        == (dict(shown(busy).facts)["Also there"])
    )
    assert () == shown(imagined).others
    assert "Nobody else uses the card." == dict(shown().facts)["Also there"]


def test_only_what_can_be_closed_is_to_be_closed() -> None:
    """The screen stays, a run of ours is paused, a program is closed."""
    others = (
        GpuProcess(pid=1, name="Xorg", used=GIB, role="desktop"),
        GpuProcess(pid=2, name="Tunesmith's run a", used=2 * GIB, role="run"),
        GpuProcess(pid=3, name="game", used=3 * GIB),
    )
    busy = replace(STATE, budget=replace(BUDGET, processes=others))
    drawn = replace(STATE, budget=replace(BUDGET, processes=others[:1]))

    assert dict(shown(busy).facts)["Also there"] == (
        "game (3.00 GiB). Closing it frees memory. Tunesmith's run a (2.00 GiB):"
        " pausing gives the memory back. Xorg (1.00 GiB) for the screen."
    )
    assert dict(shown(drawn).facts)["Also there"] == "Xorg (1.00 GiB) for the screen."


def test_the_disk_is_forecast_in_a_sentence() -> None:
    """What stays, what comes and goes, and the room there is."""
    assert (
        "20.0 MiB for the adapter, 60.0 MiB for checkpoints, of 100 GiB free."
    ) == dict(shown().facts)["Disk"]


def test_without_a_model_the_step_invites() -> None:
    """No estimate, no bars, no figures: one sentence."""
    view = shown(FitState(budget=BUDGET))

    assert () == view.bars
    assert "Choose a model, and its memory is drawn here." == view.empty_text
    assert not view.can_make_fit


def test_a_model_of_unknown_sizes_says_so() -> None:
    """A model of the Hub that nobody has here yet has no layers to count."""
    plan = with_value(Plan(), "model.id", "org/new")
    view = present_fit(plan, FitState(budget=BUDGET), None, name="new")

    assert "The sizes of new are not known until it is on this disk." == view.empty_text


def test_methods_are_priced_and_one_recommended() -> None:
    """Each method has its memory and verdict; the recommendation has its reason."""
    view = present_method(Plan(), STATE)

    assert ["lora", "qlora"] == [card.kind for card in view.cards]
    assert ["2.00 GiB", "2.00 GiB"] == [card.memory for card in view.cards]
    assert ["fits", "tight"] == [card.verdict for card in view.cards]
    assert [False, True] == [card.is_recommended for card in view.cards]
    assert "It leaves 7.00 GiB." == view.recommendation


def test_methods_are_compared_by_speed_where_it_is_known() -> None:
    """Tokens a second on this device; which is faster where no rate is known."""
    lora = Forecast(tokens_per_s=2000.0, low=1.0, high=3000.0, basis="card", reason="")
    qlora = replace(lora, tokens_per_s=1500.0)
    known = replace(STATE, forecasts={"lora": lora, "qlora": qlora})

    assert [
        "Faster: weights are used as they lie in memory.",
        "Slower: weights are unpacked for each use.",
    ] == [card.speed for card in present_method(Plan(), STATE).cards]
    assert [
        "About 2,000 tokens/s: weights are used as they lie in memory.",
        "About 1,500 tokens/s, 25 % slower: weights are unpacked for each use.",
    ] == [card.speed for card in present_method(Plan(), known).cards]


def test_a_preset_is_shown_as_chosen() -> None:
    """The preset whose values the plan has is marked; else the mix is named."""
    own = present_method(Plan(), STATE)
    quick = with_value(Plan(), "method.rank", 8)
    quick = with_value(quick, "method.alpha", 16)

    assert [False] * 3 == [card.is_chosen for card in own.presets]
    assert "the defaults, one epoch at rank 16" in own.preset_text
    mixed = present_method(with_value(quick, "train.epochs", 7.0), STATE)
    assert "your own mix" in mixed.preset_text
    assert [True, False, False] == [
        card.is_chosen for card in present_method(quick, STATE).presets
    ]
