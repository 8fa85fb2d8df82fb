"""The exact figure: asked for, remembered, dropped, and looked for by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.qtwork import process
from app.setup.exact_view import exact_line, present_exact
from app.setup.present import present
from app.setup.state import ExactState, Failure
from app.setup.viewmodel import SetupViewModel
from core.estimate.answer import Verdict
from core.models.catalogue import catalogue_shape
from core.models.reading import read_shape
from core.models.starter import STARTER_HUB_ID
from core.plan.plan import Plan
from core.runs.folder import RunFolder, create_run
from core.units import GIB
from tests.app.setup.conftest import Maker
from tests.app.setup.made import estimate, ready
from tests.app.setup.test_viewmodel import until, with_estimates
from tests.fakes.dry_child import DryChild

KNOWN = ExactState(tensors=2 * GIB, formula=2 * GIB, earlier=2 * GIB, can_run=True)


@pytest.fixture(autouse=True)
def child(monkeypatch: pytest.MonkeyPatch) -> type[DryChild]:
    monkeypatch.setattr(process, "Task", DryChild)
    monkeypatch.setattr(DryChild, "asked", [])
    return DryChild


def said(verdict: Verdict) -> Any:
    """Return an estimator that always has this verdict."""

    def priced(plan: Plan, *rest: Any, **named: Any) -> Any:
        return estimate(plan.method.kind, verdict)

    return priced


def test_the_exact_figure_stands_beside_the_formulas() -> None:
    """How far they are apart is said; where they agree that is said too."""
    more = replace(KNOWN, tensors=round(2.05 * GIB))

    assert "" == exact_line(ExactState())
    assert exact_line(KNOWN) == (
        "Dry run: 2.00 GiB of tensors; the formula says 2.00 GiB (the same)."
    )
    assert exact_line(more) == (
        "Dry run: 2.05 GiB of tensors; the formula says 2.00 GiB (+2.5 %)."
    )
    assert "(−50.0 %)" in exact_line(replace(KNOWN, tensors=GIB))


def test_what_can_be_asked_is_said() -> None:
    """A button where there is something to find out, and why where there is not."""
    fresh = present_exact(ExactState(can_run=True))
    none = present_exact(ExactState())
    failed = present_exact(
        ExactState(can_run=True, failure=Failure(message="Odd.", hint="Try."))
    )

    assert (True, "Exact figure") == (fresh.can_ask, fresh.button)
    assert (False, "Choose a model first.") == (none.can_ask, none.tip)
    assert (True, "Try again") == (failed.can_ask, failed.button)
    assert failed.text == (
        "The dry run gave no figure. Odd. Try. The formula's figure stands."
    )
    assert not present_exact(KNOWN).can_ask
    assert not present_exact(ExactState(can_run=True, is_running=True)).can_ask


def test_a_dry_run_reprices_the_draft(qtbot: QtBot, make_model: Maker) -> None:
    """The bar follows the exact figure; an edit drops it, undo shows it again."""
    model = make_model()
    before = with_estimates(qtbot, model)
    model.fit.exact.run()
    assert model.view.fit.exact.is_running
    view = until(qtbot, model, lambda view: bool(view.fit.exact_line))

    # The stand-in's figure is a thousand bytes, so what is left is not the tensors'.
    assert view.fit.bars[0].high_bytes < before.fit.bars[0].high_bytes
    assert view.fit.bars[1] == before.fit.bars[1]
    model.set_value("train.seq_len", 2048)
    assert "" == model.view.fit.exact_line
    assert "Settings changed since the dry run" in model.view.fit.exact.text
    model.undo()
    assert view.fit.exact_line == model.view.fit.exact_line
    assert 1 == len(DryChild.asked)


def test_an_edit_ends_a_dry_run_of_other_settings(
    qtbot: QtBot, make_model: Maker
) -> None:
    """Nobody waits for an answer to a question no longer asked."""
    model = make_model()
    with_estimates(qtbot, model)
    model.set_value("train.seq_len", 4096)
    model.fit.exact.run()
    qtbot.waitUntil(lambda: bool(DryChild.asked))
    model.set_value("train.learning_rate", 1e-3)
    assert model.view.fit.exact.is_running
    model.set_value("train.seq_len", 512)

    assert not model.view.fit.exact.is_running
    assert model.view.fit.exact.can_ask


def test_a_dry_run_says_how_far_it_is(qtbot: QtBot, make_model: Maker) -> None:
    """What it does and how much is done, in the Fit step; and the bar goes with it."""
    model = make_model()
    with_estimates(qtbot, model)
    model.set_value("train.seq_len", 4096)  # this stand-in stays at its first word
    model.fit.exact.run()
    begun = model.view.fit.exact.progress
    assert begun is not None
    assert ("Starting a dry run", "0 %") == (begun.what, begun.detail)

    view = until(qtbot, model, lambda view: view.fit.exact.progress != begun)
    moved = view.fit.exact.progress
    assert moved is not None
    assert ("Loading", 0.2, "20 %") == (moved.what, moved.fraction, moved.detail)
    model.fit.exact.cancel()
    assert model.view.fit.exact.progress is None
    assert model.view.fit.exact.can_ask


def at_start(qtbot: QtBot, model: SetupViewModel) -> None:
    with_estimates(qtbot, model)
    model.use_starter_data()
    model.go_to("start")


def test_a_close_call_is_looked_at_before_the_start(
    qtbot: QtBot, make_model: Maker
) -> None:
    """A tight estimate is made exact by itself, and Start is there all the while."""
    model = make_model(estimate=said("tight"))
    at_start(qtbot, model)
    view = until(qtbot, model, lambda view: bool(view.start.exact_progress))
    assert view.start.can_start
    view = until(qtbot, model, lambda view: not view.start.exact_progress)

    assert "Dry run: 1016 B of tensors" in view.start.exact_text


def test_an_unknown_architecture_is_looked_at_too(
    qtbot: QtBot, make_model: Maker
) -> None:
    """Where the formula does not know the layers, the dry run does."""
    shape = catalogue_shape(STARTER_HUB_ID)
    assert shape is not None
    model = make_model(shape_of=lambda facts: replace(shape, known=False))
    at_start(qtbot, model)
    assert model.fit.state.estimates["lora"].verdict == "unknown"
    view = until(qtbot, model, lambda view: "Dry run:" in view.start.exact_text)

    assert view.start.can_start
    assert model.fit.state.estimates["lora"].verdict == "fits"
    assert model.fit.state.estimates["qlora"].verdict == "unknown"


def test_what_is_not_trained_is_not_run_dry(qtbot: QtBot, make_model: Maker) -> None:
    """A model that sorts texts has a formula alone, and the button says so."""
    bert = read_shape({
        "model_type": "bert", "architectures": ["BertForSequenceClassification"],
        "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 128, "vocab_size": 1000, "max_position_embeddings": 512,
    })  # fmt: skip
    model = make_model(shape_of=lambda facts: bert)
    view = with_estimates(qtbot, model)

    assert not view.fit.exact.can_ask
    assert "does not train this kind" in view.fit.exact.tip
    model.fit.exact.run()
    assert not model.view.fit.exact.is_running


def test_what_fits_is_not_looked_at(qtbot: QtBot, make_model: Maker) -> None:
    """With room to spare nothing is run; nor on any other step."""
    roomy = make_model(estimate=said("fits"))
    at_start(qtbot, roomy)
    elsewhere = make_model(estimate=said("tight"))
    with_estimates(qtbot, elsewhere)
    assert not roomy.fit.exact.is_waiting
    assert not elsewhere.fit.exact.is_waiting

    elsewhere.go_to("start")
    assert elsewhere.fit.exact.is_waiting
    elsewhere.go_to("fit")
    assert not elsewhere.fit.exact.is_waiting


def test_a_cancelled_look_is_not_taken_again(qtbot: QtBot, make_model: Maker) -> None:
    """Cancelled is cancelled: no second child for the same settings by itself."""
    model = make_model(estimate=said("tight"))
    model.set_value("train.seq_len", 4096)
    at_start(qtbot, model)
    qtbot.waitUntil(lambda: bool(DryChild.asked))
    model.fit.exact.cancel()
    model.fit.measure()
    model.go_to("start")
    qtbot.waitUntil(lambda: not model.fit.exact.is_waiting)

    assert model.view.start.exact_progress is None
    assert 1 == len(DryChild.asked)


def test_a_failed_look_stands_in_no_ones_way(qtbot: QtBot, make_model: Maker) -> None:
    """Its failure is said, is not tried again, and the run may start."""
    model = make_model(estimate=said("tight"))
    model.set_value("method.rank", 13)
    at_start(qtbot, model)
    view = until(qtbot, model, lambda view: "gave no" in view.start.exact_text)

    assert "This cannot be built." in view.start.exact_text
    assert view.start.can_start
    assert 1 == len(DryChild.asked)


def test_a_run_starts_by_the_exact_figure(
    qtbot: QtBot, make_model: Maker, tmp_path: Path
) -> None:
    """What is judged on the card is judged again when the run is made."""
    told: list[int | None] = []

    def made(plan: Plan, force: bool, exact: int | None) -> RunFolder:
        told.append(exact)
        return create_run(tmp_path / "runs", plan, {})

    model = make_model(new_run=made)
    at_start(qtbot, model)
    model.fit.exact.run()
    until(qtbot, model, lambda view: bool(view.start.exact_text))
    until(qtbot, model, lambda view: not view.start.exact_progress)
    model.start()
    qtbot.waitUntil(lambda: bool(told))

    assert [1016] == told
    until(qtbot, model, lambda view: not view.start.is_starting)


def test_the_start_card_says_what_is_known(tmp_path: Path) -> None:
    """Nothing where nothing was asked, else how it stands."""
    state = ready(tmp_path)
    exact = replace(state, fit=replace(state.fit, exact=KNOWN))

    assert "" == present(state).start.exact_text
    assert exact_line(KNOWN) == present(exact).start.exact_text
