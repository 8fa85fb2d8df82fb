"""The smaller cards of step 4: which card it would take, and each part with its formula."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.qtwork.navigator import Navigator
from app.setup.cards_view import present_cards
from app.setup.fit_view import present_fit
from app.setup.page import SetupPage
from app.setup.parts_view import present_parts
from app.setup.state import FitState
from app.widgets.part_table import PartLine, PartTable
from core.estimate.answer import Components
from core.estimate.explain import Formula
from core.estimate.learned import Learned
from core.models.catalogue import catalogue_shape
from core.models.starter import STARTER_HUB_ID
from core.plan.plan import Plan, Training
from core.planner.which_card import CardFit, which_cards
from core.units import GIB
from tests.app.setup.conftest import Maker
from tests.app.setup.made import BUDGET, estimate
from tests.app.setup.test_page import chosen, click

PARTS = Components(
    weights=6 * GIB, quantization=GIB, activations=3 * GIB - 1, context=1
)


def cards_for(batch_size: int) -> tuple[CardFit, ...]:
    shape = catalogue_shape(STARTER_HUB_ID)
    assert shape is not None
    plan = Plan(train=Training(batch_size=batch_size, seq_len=4096))
    return which_cards(plan, shape)


def test_the_smallest_card_for_a_desk_comes_first() -> None:
    """A card people buy is named first, whatever stands in a data centre."""
    view = present_cards(cards_for(4))

    assert view is not None
    assert view.text.startswith("The smallest for a desktop computer is the GeForce")
    assert view.lines[0].name.startswith("GeForce")
    assert {"fits", "tight"} >= {line.verdict for line in view.lines}
    assert len(view.lines) == len({line.name for line in view.lines}) <= 6
    assert "tokens/s" in view.lines[0].detail


def test_what_no_card_holds_is_said() -> None:
    """The largest is named, and the way out."""
    view = present_cards(cards_for(4096))

    assert view is not None
    assert "No card known here holds it" in view.text
    assert ["too large"] == [line.verdict for line in view.lines]
    assert present_cards(None) is None
    assert () == present_cards(()).lines  # type: ignore[union-attr]


def test_each_part_has_its_colour_share_and_formula() -> None:
    """Shares are of the whole; scales share the weights' colour; the sum comes last."""
    found = estimate(components=PARTS, process=10 * GIB, low=9 * GIB, high=11 * GIB)
    formulas = {"weights": Formula(words="2 B × parameters", numbers="2 B × 3 G")}
    rows = present_parts(found, formulas)

    assert ["60 %", "10 %", "30 %", "<1 %", "100 %"] == [row.share for row in rows]
    assert [0, 0, 4, 7, None] == [row.series for row in rows]
    assert rows[0].tip.endswith("2 B × parameters\n2 B × 3 G")
    assert rows[1].tip == rows[1].what
    assert "9.00 GiB and 11.0 GiB" in rows[-1].what
    assert () == present_parts(None, {})


def test_the_bars_parts_and_the_table_agree() -> None:
    """A part has one colour, in the bar and in the table, whichever others there are."""
    state = FitState(budget=BUDGET, estimates={"lora": estimate(components=PARTS)})
    view = present_fit(Plan(), state, catalogue_shape(STARTER_HUB_ID))
    drawn = {part.name: part.series for part in view.bars[0].parts}

    assert {"Weights": 0, "Activations": 4, "Driver": 7} == drawn
    for row in view.parts[:-1]:
        assert row.series == drawn.get(row.name, drawn["Weights"])


def test_what_was_learnt_stands_by_the_bars() -> None:
    """The last runs' misses, as they were."""
    learned = Learned(
        runs=6, low=-0.012, high=0.021, factor=1.0, narrows=True,
        text="last 6 runs here: −1.2 … +2.1 %",
    )  # fmt: skip
    state = FitState(budget=BUDGET, estimates={"lora": estimate(learned=learned)})
    facts = dict(present_fit(Plan(), state, None).facts)

    assert "last 6 runs here: −1.2 … +2.1 %" in facts["Learnt"]


def test_a_line_is_told_by_its_tip_everywhere(qtbot: QtBot) -> None:
    """The formula is on the whole line, and lines come and go."""
    table = PartTable()
    qtbot.addWidget(table)
    line = PartLine(name="A", size="1 GiB", what="w " * 400, tip="a < b", series=1)
    table.show_lines([line, replace(line, name="B"), replace(line, series=None)])
    table.resize(300, 200)
    made = table._made[0]
    assert {"<qt>a &lt; b</qt>"} == {widget.toolTip() for widget in made}
    table.show_lines([line])

    assert (line,) == table.lines
    assert 1 == len(table._made)
    assert 1 == table._grid.count() // 5


# -- on the page -------------------------------------------------------------------


def fit_page(qtbot: QtBot, make_model: Maker) -> SetupPage:
    page = chosen(qtbot, make_model)
    page.model.go_to("fit")
    return page


def test_a_card_of_the_answer_is_judged_by(qtbot: QtBot, make_model: Maker) -> None:
    """Ask, click a card: the bars are for it; changed settings drop the answer."""
    page = fit_page(qtbot, make_model)
    other = page.fit_step.other
    click(qtbot, other.which)
    qtbot.waitUntil(lambda: page.model.view.fit.cards is not None)
    assert other.answer.isVisible()
    view = page.model.view.fit.cards
    assert view is not None
    page.model.ask_other_card(view.lines[0].name)
    qtbot.waitUntil(lambda: page.model.view.fit.is_other)
    assert page.model.view.fit.cards == view
    page.model.set_value("train.seq_len", 512)

    assert page.model.view.fit.cards is None
    assert not other.answer.isVisible()


def test_names_of_cards_are_suggested(qtbot: QtBot, make_model: Maker) -> None:
    """A part of a name finds the card; choosing it judges by it."""
    page = fit_page(qtbot, make_model)
    completer = page.fit_step.other.field.completer()
    completer.setCompletionPrefix("4090")

    assert "GeForce RTX 4090" == completer.currentCompletion()
    completer.activated.emit("GeForce RTX 4090")
    qtbot.waitUntil(lambda: page.model.view.fit.is_other)
    assert "GeForce RTX 4090" == page.model.view.fit.device_title
    page.fit_step.other.go_back()
    assert not page.model.view.fit.is_other


def test_the_answer_is_copied_as_text(qtbot: QtBot, make_model: Maker) -> None:
    """Everything the step shows, to paste elsewhere."""
    page = fit_page(qtbot, make_model)
    click(qtbot, page.fit_step.copy)
    text = QGuiApplication.clipboard().text()

    assert text.startswith("small on GeForce RTX 3060\n")
    assert "batch 1 × 8 · 1,024 tokens · rank 16" in text
    assert "* LoRA" in text
    assert "  QLoRA" in text
    assert "Together" in text
    assert "Disk: " in text


def test_the_bars_are_saved_as_a_picture(
    qtbot: QtBot, make_model: Maker, tmp_path: Path
) -> None:
    """A place is asked for; a picture comes to lie there, and a failure is told."""
    page = fit_page(qtbot, make_model)
    click(qtbot, page.fit_step.picture)
    dialog = page.findChild(QFileDialog)
    assert dialog is not None
    assert ["small-lora-memory.png"] == [
        Path(name).name for name in dialog.selectedFiles()
    ]
    dialog.selectFile(str(tmp_path / "mine"))
    dialog.accept()
    image = QImage(str(tmp_path / "mine.png"))
    assert image.width() > 2 * 400
    told: list[str] = []
    page.model._navigator.toasted.connect(lambda text, *rest: told.append(text))
    page.fit_step.save_picture(tmp_path / "gone" / "x.png")

    assert "x.png could not be written" in told[0]


def test_what_else_fits_is_asked_with_this_draft(
    qtbot: QtBot, make_model: Maker
) -> None:
    """The page that compares gets the draft as it is."""
    navigator = Navigator()
    model = make_model(navigator)
    model.set_value("method.rank", 64)
    with qtbot.waitSignal(navigator.requested) as asked:
        model.open_what_fits()

    assert ["fits", model.plan] == asked.args


def test_an_offer_scrolls_into_view(qtbot: QtBot, make_model: Maker) -> None:
    """What "Make it fit" found is seen, however small the window."""
    page = fit_page(qtbot, make_model)
    page.resize(900, 480)
    page.model.set_value("train.batch_size", 64)
    page.model.set_value("train.seq_len", 8192)
    page.fit_step.verticalScrollBar().setValue(0)
    page.model.fit.offer()
    qtbot.waitUntil(lambda: page.fit_step.verticalScrollBar().value() > 0)

    assert page.fit_step.offer.isVisible()


@pytest.mark.parametrize("step", ["fit", "method"])
def test_advice_is_worked_out_where_it_is_shown(
    qtbot: QtBot, make_model: Maker, step: str
) -> None:
    """Half of the work of an answer is left out where nobody sees it."""
    page = chosen(qtbot, make_model)
    page.model.go_to(step)  # type: ignore[arg-type]

    assert (step == "method") == any(
        card.is_recommended for card in page.model.view.method.cards
    )


def test_a_run_that_ended_is_learnt_from(qtbot: QtBot, make_model: Maker) -> None:
    """When the runs that train are others, outcomes and device are looked at again."""
    looked: list[int] = []
    running: list[tuple[str, ...]] = [("first",)]

    def outcomes() -> tuple[()]:
        looked.append(1)
        return ()

    model = make_model(outcomes=outcomes, running=lambda: running[0])
    model.on_runs_changed(None)
    assert [] == looked
    running[0] = ()
    model.on_runs_changed(None)
    qtbot.waitUntil(lambda: bool(looked))

    assert 1 == len(looked)
