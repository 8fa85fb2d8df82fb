"""What the page says: pure values in, pure values out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.fits.answer_view import present_answer
from app.fits.axes import axes
from app.fits.cards_view import present_cards
from app.fits.figures_view import present_figures
from app.fits.grid_view import largest_that_fits, present_grid
from app.fits.heat_view import present_heat
from app.fits.present import Presenter
from app.fits.question_view import present_question
from app.fits.reckoning import (
    Offer,
    Question,
    ask_uses,
    best_price,
    heat,
    longest_fits,
    price_models,
)
from app.fits.report import answer_text, picture_name, title_lines
from app.fits.state import FitsState, Price, into_draft
from app.setup.state import Failure
from core.estimate.answer import Verdict
from core.estimate.explain import explain
from core.estimate.learned import Learned
from core.estimate.memory import estimate, estimates
from core.estimate.uses.price import UseEstimate
from core.hardware.budget import device_budget
from core.models.catalogue import catalogue_shape
from core.plan.fields import with_value
from core.plan.plan import Plan
from core.planner.advice import max_seq_len
from core.planner.which_card import which_cards
from core.units import GIB
from tests.app.fits.conftest import DRAFT, LARGE, MIDDLE, SMALL, known, shape_of
from tests.app.setup.made import estimate as made_estimate

CARD = device_budget(None, "RTX 4070")
MODELS = tuple(known(name) for name in (SMALL, MIDDLE, LARGE))


def asked(plan: Plan = DRAFT) -> Question:
    return Question(plan=plan, shape=shape_of(known(plan.model.id)), budget=CARD)


@pytest.fixture(scope="module")
def whole() -> FitsState:
    """The answer for Qwen3-4B on an RTX 4070, complete."""
    question = asked()
    prices: dict[str, Any] = {}
    offer = Offer(plan=DRAFT, budget=CARD, kinds=("lora", "qlora"))
    list(price_models(MODELS, shape_of, offer, estimate, prices))
    cells: dict[tuple[int, int], Any] = {}
    list(heat(question, estimate, cells))
    uses: list[UseEstimate] = []
    list(ask_uses(question, 32 * GIB, 100 * GIB, uses))
    found = estimates(DRAFT, question.shape, CARD)
    state = FitsState(
        plan=DRAFT,
        listed=MODELS,
        chosen=known(MIDDLE),
        shape=question.shape,
        budget=CARD,
        estimates=found,
        cells=cells,
        prices=prices,
        formulas=explain(DRAFT, question.shape, CARD, found["lora"]),
        uses=tuple(uses),
        cards=which_cards(DRAFT, question.shape),
    )
    return replace(state, priced_for=state.settings)


# -- the question ------------------------------------------------------------------


def test_the_model_is_named_short_and_offered_with_its_size(whole: FitsState) -> None:
    """The field has no room for more than the name; what was typed stays in it."""
    view = present_question(whole)
    twins = tuple(replace(known(SMALL), id=f"{who}/twin", name="twin") for who in "ab")

    assert "Qwen3-4B" == view.model_text
    assert "Qwen3-4B · 4.02B" == dict(view.models)[MIDDLE]
    assert (
        "nowhere" == present_question(replace(whole, model_text="nowhere")).model_text
    )
    offered = dict(present_question(replace(whole, listed=twins)).models)
    assert ["a", "b"] == [words.rpartition(" ")[2] for words in offered.values()]


def test_every_card_can_be_asked(whole: FitsState) -> None:
    """This machine first, then the table; a size typed is shown as it was typed."""
    view = present_question(whole)
    typed = present_question(replace(whole, device_key="12 GiB"))

    assert "" == view.devices[0][0]
    assert "GeForce RTX 4090" in dict(view.devices)
    assert "12 GiB" == typed.device_text


def test_nothing_is_trained_without_a_usable_model(whole: FitsState) -> None:
    """The way to the Train page is closed for no model and for one with a problem."""
    broken = replace(known(MIDDLE), problem="It holds pickled weights.")

    assert present_question(whole).can_train
    assert not present_question(replace(whole, chosen=None)).can_train
    assert not present_question(replace(whole, chosen=broken)).can_train


# -- the answer ----------------------------------------------------------------------


def test_two_bars_and_a_sentence(whole: FitsState) -> None:
    """The methods that can be trained side by side; all four where compared."""
    view = present_answer(whole)
    compared = present_answer(replace(whole, compares_all=True))

    assert ["LoRA", "QLoRA"] == [bar.label for bar in view.bars]
    assert 4 == len(compared.bars)
    assert view.headline.startswith("LoRA of Qwen3-4B: ")
    assert CARD.free == view.free_bytes


def test_what_runs_taught_is_told(whole: FitsState) -> None:
    """How far the last runs were off stands below the bars."""
    told = Learned(
        runs=6, low=-0.012, high=0.021, factor=1.0, narrows=True,
        text="last 6 runs here: −1.2 … +2.1 %",
    )  # fmt: skip
    taught = replace(whole.estimates["lora"], learned=told)
    view = present_answer(replace(whole, estimates={"lora": taught}))

    assert "Last 6 runs here: −1.2 … +2.1 %." == view.learned_text
    assert "" == present_answer(whole).learned_text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (FitsState(), "Looking at this machine"),
        (FitsState(listed=(), budget=CARD), "Choose a model"),
        (
            FitsState(listed=(), budget=CARD, shape=catalogue_shape(SMALL)),
            "Working it out",
        ),
    ],
)
def test_an_answer_that_is_not_there_says_why(state: FitsState, words: str) -> None:
    """Looking, choosing, computing are told apart."""
    assert present_answer(state).empty_text.startswith(words)


def test_a_failure_takes_the_place_of_the_hint() -> None:
    """What went wrong is told once."""
    state = FitsState(failure=Failure(message="No driver.", hint="Install one."))

    assert "" == present_answer(state).empty_text
    assert "No driver." == getattr(present_answer(state).failure, "message", "")


# -- the map -------------------------------------------------------------------------


def test_the_map_holds_the_settings_of_now() -> None:
    """Values between the stops become a row and a column of their own."""
    shape = catalogue_shape(SMALL)
    assert shape is not None
    odd = with_value(with_value(Plan(), "train.batch_size", 3), "train.seq_len", 1408)
    found = axes(odd, shape)

    assert 3 in found.batches
    assert 1408 in found.lengths
    assert (shape.context_length, 128) == (found.lengths[-1], found.lengths[0])


def test_each_cell_is_the_estimate_of_its_batch_and_length(whole: FitsState) -> None:
    """The map is computed, not interpolated."""
    view = present_heat(whole)
    assert view is not None
    row, column = view.grid.batches.index(4), view.grid.lengths.index(512)
    plan = with_value(with_value(DRAFT, "train.batch_size", 4), "train.seq_len", 512)
    found = estimate(plan, asked().shape, CARD)

    assert f"{found.process / GIB:.1f}" == view.cells[row, column].text
    assert "4 sequences of 512 tokens" in view.cells[row, column].said
    assert (
        view.grid.batches.index(1), view.grid.lengths.index(1024)
    ) == view.chosen  # fmt: skip


def test_the_frontier_is_told_in_words(whole: FitsState) -> None:
    """Where it stops fitting can be heard as well as seen; unknown cells tell nothing."""
    view = present_heat(whole)
    assert view is not None
    fitting = [length for (batch, length), one in whole.cells.items()
               if batch == 1 and one.fits]  # fmt: skip
    half = dict(list(whole.cells.items())[:5])
    partly = present_heat(replace(whole, cells=half))

    assert f"1 × {max(fitting):,}" in view.frontier
    assert partly is not None
    assert "" == partly.frontier
    assert 5 == len(partly.cells)


def test_a_card_on_which_nothing_fits_says_so(whole: FitsState) -> None:
    """No frontier, but words."""
    large = {at: replace(one, verdict="too-large") for at, one in whole.cells.items()}
    view = present_heat(replace(whole, cells=large))
    assert view is not None

    assert "Not even one short sequence fits." == view.frontier
    assert present_heat(FitsState()) is None


# -- the models ----------------------------------------------------------------------


def test_models_stand_largest_first_that_fits(whole: FitsState) -> None:
    """What fits comes before what does not, and of it the largest first."""
    view = present_grid(whole)

    assert [MIDDLE, SMALL, LARGE] == [row.key for row in view.rows]
    assert ("good", "bad") == (view.rows[0].cells[1].tone, view.rows[2].cells[1].tone)
    assert [True, False, False] == [row.is_chosen for row in view.rows]
    assert MIDDLE == getattr(largest_that_fits(whole), "id", "")


def test_models_are_filtered(whole: FitsState) -> None:
    """By words in any order, by what fits, by what is here."""
    by_name = present_grid(replace(whole, query="72b qwen"))
    fitting = present_grid(replace(whole, shown="fits"))
    here = present_grid(replace(whole, shown="here"))

    assert [LARGE] == [row.key for row in by_name.rows]
    assert [MIDDLE, SMALL] == [row.key for row in fitting.rows]
    assert () == here.rows
    assert "No model matches" in here.empty_text
    assert "2 of 3 models fit" in by_name.summary


@pytest.mark.parametrize(
    ("lora", "qlora", "better"),
    [
        ("fits", "fits", "lora"), ("tight", "fits", "qlora"),
        ("tight", "too-large", "lora"), ("too-large", "tight", "qlora"),
        ("too-large", "too-large", None),
    ],
)  # fmt: skip
def test_the_better_method_is_the_field_s(
    lora: Verdict, qlora: Verdict, better: str | None
) -> None:
    """LoRA with room, else QLoRA, else LoRA where only that fits."""
    prices = {
        "lora": Price(as_set=made_estimate("lora", lora)),
        "qlora": Price(as_set=made_estimate("qlora", qlora)),
    }
    best = best_price(prices)  # type: ignore[arg-type]

    assert better == (best.estimate.method if best else None)


def test_prices_of_an_earlier_question_are_no_verdicts(whole: FitsState) -> None:
    """On another card the figures stay to be read, and say that they are old."""
    state = replace(whole, other=replace(CARD, name="Another", total=8 * GIB))
    view = present_grid(state)

    assert "Models on Another" == view.title
    assert "worked out anew" in view.summary
    assert {None} == {cell.tone for row in view.rows for cell in row.cells}
    assert view.rows[0].cells[0].text == present_grid(whole).rows[0].cells[0].text
    freer = replace(whole, budget=replace(CARD, free=1), query="")
    assert not freer.are_prices_old


def test_what_fits_by_checkpointing_alone_says_so(whole: FitsState) -> None:
    """It stands after what fits as it is set, with its own mark, and is counted."""
    slim = replace(whole.prices[SMALL]["lora"].as_set, process=GIB)
    price = Price(as_set=made_estimate("lora", "too-large"), checkpointed=slim)
    state = replace(whole, prices={**whole.prices, SMALL: {"lora": price}})
    view = present_grid(state)

    assert [MIDDLE, SMALL, LARGE] == [row.key for row in view.rows]
    cell = view.rows[1].cells[0]
    assert ("1.00 GiB", "accent") == (cell.text, cell.tone)
    assert "with gradient checkpointing" in cell.tip
    assert "1 more with gradient checkpointing" in view.summary
    assert best_price({"lora": price}) is price


def test_the_longest_is_by_the_better_method(whole: FitsState) -> None:
    """The figure in the last column is what max_seq_len says."""
    found: dict[str, int] = {}
    offer = Offer(plan=DRAFT, budget=CARD, kinds=("lora", "qlora"))
    list(longest_fits(MODELS, shape_of, offer, whole.prices, found))
    best = best_price(whole.prices[MIDDLE])
    assert best is not None
    plan = with_value(DRAFT, "method.kind", best.estimate.method)
    rows = present_grid(replace(whole, longest=found)).rows

    assert max_seq_len(plan, asked().shape, CARD) == found[MIDDLE]
    assert LARGE not in found
    assert f"{found[MIDDLE]:,}" == rows[0].cells[-1].text


# -- the figures ---------------------------------------------------------------------


def test_parts_add_up_and_tell_their_formula(whole: FitsState) -> None:
    """A row a part in the bar's colours, its formula in words, and the sum."""
    view = present_figures(whole)
    bars = present_answer(whole).bars
    assert view is not None
    names = [part.name for part in bars[0].parts]

    coloured = {row.part.name: row.part.series for row in view.parts}
    assert {name: names.index(name) for name in names}.items() <= coloured.items()
    assert whole.formulas["weights"].words == view.parts[0].formula
    assert whole.formulas["weights"].numbers in view.parts[0].part.tip
    assert "Together" == view.parts[-1].part.name


def test_other_uses_stand_beside(whole: FitsState) -> None:
    """Chat, evaluation, merge and export: each with its three figures and a verdict."""
    view = present_figures(whole)
    assert view is not None

    assert ["Chat", "Evaluate", "Merge", "Export"] == [one.name for one in view.uses]
    assert all(one.tip and one.verdict for one in view.uses)
    assert "–" == view.uses[0].disk
    assert present_figures(FitsState()) is None


def test_cards_are_told_smallest_first(whole: FitsState) -> None:
    """What fits first, the one in question marked, the time only where it fits."""
    view = present_cards(replace(whole, device_key="GeForce RTX 4090"))
    assert view is not None
    tones = [row.tone for row in view.rows]

    assert tones[0] in ("good", "warn")
    assert "bad" == tones[-1]
    assert "" == view.rows[-1].time
    assert ["GeForce RTX 4090"] == [row.name for row in view.rows if row.is_chosen]
    assert "smallest desktop card" in view.summary
    assert present_cards(FitsState()) is None


def test_a_model_beyond_consumer_cards_says_so(whole: FitsState) -> None:
    """The smallest card of another kind is named, or that there is none."""
    wide = [one for one in whole.cards if one.card.kind == "data-centre"]
    none = [replace(one, estimate=made_estimate("lora", "too-large")) for one in wide]
    some = present_cards(replace(whole, cards=tuple(wide)))
    nothing = present_cards(replace(whole, cards=tuple(none)))
    assert some is not None
    assert nothing is not None

    assert "No desktop card fits" in some.summary
    assert "No single card fits" in nothing.summary


# -- the whole -----------------------------------------------------------------------


def test_only_what_changed_is_made_anew(whole: FitsState) -> None:
    """A filter leaves bars and map as they are, the very same objects."""
    presenter = Presenter()
    before = presenter.present(whole)
    after = presenter.present(replace(whole, query="qwen"))

    assert before.answer is after.answer
    assert before.heat is after.heat
    assert before.grid is not after.grid
    assert presenter.present(replace(whole, plan=Plan())).heat is not before.heat


def test_the_answer_as_text_holds_everything(whole: FitsState) -> None:
    """Title, bars, parts with numbers, uses, map and cards, in columns."""
    text = answer_text(whole, Presenter().present(whole))

    assert text.startswith("LoRA of Qwen3-4B (4.02B)\nOn GeForce RTX 4070: ")
    for words in (
        "Batch 1, 1,024 tokens, rank 16", "QLoRA", "Activations", "Together",
        whole.formulas["weights"].numbers, "Merge", "GiB by batch and length",
        "smallest desktop card",
    ):  # fmt: skip
        assert words in text
    assert ("What fits?",) == title_lines(FitsState())


def test_the_picture_s_name_is_one_any_system_takes(whole: FitsState) -> None:
    """Model and card, without what a file's name cannot hold."""
    odd = replace(known(SMALL), name='a/b:c*"d' + "x" * 300)
    name = picture_name(replace(whole, chosen=odd))

    assert "Qwen3-4B on GeForce RTX 4070.png" == picture_name(whole)
    assert name.startswith("a-b-c--dxxx")
    assert len(name) < 120
    assert "What fits.png" == picture_name(FitsState())


def test_the_draft_keeps_what_this_page_does_not_ask() -> None:
    """Model and the six settings go over; data, name and the rest stay."""
    draft = with_value(with_value(Plan(), "name", "Mine"), "train.learning_rate", 5e-4)
    draft = with_value(draft, "model.revision", "abc")
    plan = with_value(with_value(DRAFT, "method.rank", 64), "train.learning_rate", 1e-5)
    made = into_draft(draft, plan)

    assert ("Mine", 5e-4) == (made.name, made.train.learning_rate)
    assert (MIDDLE, "", 64) == (made.model.id, made.model.revision, made.method.rank)
