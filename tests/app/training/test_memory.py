"""After a run its page shows what was said beside what it took."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from app.training.memory_card import MemoryCard
from app.training.memory_view import memory_view
from app.training.present import RunFacts, present
from app.training.series import RunTracker
from core.estimate.learned import Outcome
from core.runs.compared import Compared, compared
from core.units import GIB, MIB
from tests.app.training.made_runs import START, plan, training_events

OUTCOME = Outcome(
    run_id="r-1",
    t=START,
    device="Card",
    device_kind="cuda",
    family="llama",
    method="lora",
    predicted=4 * GIB,
    measured=round(4.1 * GIB),
    promised=4 * GIB,
    promised_reserved=round(4.1 * GIB),
    promised_process=round(4.4 * GIB),
    promised_low=4 * GIB,
    promised_high=5 * GIB,
    measured_reserved=round(4.3 * GIB),
    measured_process=round(4.5 * GIB),
    rows=1,
    width_tokens=256,
    trained_tokens=200,
)


def facts(found: Compared | None) -> RunFacts:
    return RunFacts(
        run_id="r-1",
        plan=plan(),
        status="running" if found is None else "done",
        created=START,
        predicted_memory=6 * GIB,
        compared=found,
    )


def test_a_run_that_works_has_only_what_was_planned() -> None:
    """Its peak may still rise, so nothing is compared yet."""
    view = present(facts(None), RunTracker().digest(training_events(9)), now=START)

    assert view.memory is None
    assert 6 * GIB == view.predicted_memory
    (figure,) = (one for one in view.figures if one.label == "Peak memory")
    assert "6.00 GiB was predicted for rows of full length" in figure.tip


def test_a_run_that_rests_is_held_against_the_rows_it_had() -> None:
    """The line in the chart, the figure's tip and the card say the same."""
    found = compared(OUTCOME, planned=6 * GIB)
    view = present(facts(found), RunTracker().digest(training_events(9)), now=START)

    assert 4 * GIB == view.predicted_memory
    assert view.memory is not None
    assert view.memory.text == (
        "4.00 GiB predicted, 4.10 GiB measured (+2.5 %). The whole process: 4.40 GiB"
        " predicted, 4.50 GiB measured (+2.3 %)."
    )
    assert "for full rows 6.00 GiB was planned" in view.memory.note
    (figure,) = (one for one in view.figures if one.label == "Peak memory")
    assert "(+2.5 %)" in figure.tip
    said, took = view.memory.bars
    assert round(4.4 * GIB) == sum(size for _, size in said.parts)
    assert round(4.5 * GIB) == sum(size for _, size in took.parts)
    assert (4 * GIB, 5 * GIB) == (said.low_bytes, said.high_bytes)


@pytest.mark.parametrize(
    ("changes", "tone", "words"),
    [
        ({}, "good", "within the 4.00 GiB to 5.00 GiB that were said"),
        ({"measured_process": 6 * GIB}, "warn", "above the 4.00 GiB to 5.00 GiB"),
        ({"promised_low": round(4.6 * GIB)}, "warn", "below the"),
        ({"measured_process": None}, "neutral", ""),
        ({"complete": False, "out_of_memory": True}, "bad", "memory ran out here"),
    ],
)
def test_a_miss_is_never_hidden(
    changes: dict[str, object], tone: str, words: str
) -> None:
    """Each verdict in its colour and its own words."""
    outcome = replace(OUTCOME, **changes)  # type: ignore[arg-type]

    _, took = memory_view(compared(outcome)).bars

    assert tone == took.tone
    assert words in took.verdict
    assert bool(words) is bool(took.verdict)


def test_the_card_shows_itself_only_with_something_to_say(qtbot: QtBot) -> None:
    """And is told to those who cannot see it."""
    card = MemoryCard()
    qtbot.addWidget(card)
    card.show_memory(None)
    assert card.isHidden()

    short = replace(OUTCOME, device_kind="cpu", measured=300 * MIB, promised=0)
    card.show_memory(memory_view(compared(replace(short, predicted=310 * MIB))))

    assert not card.isHidden()
    assert "310 MiB predicted, 300 MiB measured (−3.2 %)." == card.words.text()
    assert card.note.isHidden()
    assert "Measured: 0.29 GiB" in card.bars.accessibleDescription()
    card.show_memory(None)
    assert card.isHidden()
