"""Dry runs behind a window: one at a time, the newest wins, answers are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.qtwork import process
from app.qtwork.dry_run import DryRunKey, DryRuns, key_of
from core.errors import ModelError
from core.models.facts import ModelFacts
from core.plan.fields import with_value
from core.plan.plan import Plan
from tests.app.setup.made import BUDGET, facts
from tests.fakes.dry_child import DryChild

HANGS = with_value(Plan(), "train.seq_len", 4096)
FAILS = with_value(Plan(), "method.rank", 13)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[DryRuns]:
    monkeypatch.setattr(process, "Task", DryChild)
    monkeypatch.setattr(DryChild, "asked", [])
    made = DryRuns(lambda facts: {"model_type": facts.name})
    yield made
    made.shut_down()


def key(plan: Plan) -> DryRunKey:
    return key_of(facts(), plan, BUDGET)


def ended(qtbot: QtBot, runs: DryRuns) -> None:
    """Wait until nothing runs."""
    qtbot.waitUntil(lambda: runs.running is None)


def test_a_dry_run_answers_and_is_remembered(qtbot: QtBot, runs: DryRuns) -> None:
    """The config, the plan and the card's number format go to the child, once."""
    runs.start(facts(), Plan(), BUDGET)
    assert key(Plan()) == runs.running
    ended(qtbot, runs)

    assert 1016 == runs.tensors(key(Plan()))
    runs.start(facts(), Plan(), BUDGET)
    assert runs.running is None
    (asked,) = DryChild.asked
    assert {"model_type": "small"} == asked["config"]
    assert ("bf16", True) == (asked["dtype"], asked["has_flash"])


def test_settings_that_hold_no_memory_do_not_matter() -> None:
    """Learning rate, alpha, epochs and a third pass change no answer; a longer row does."""
    same: dict[str, Any] = {
        "train.learning_rate": 1e-3, "method.alpha": 64, "train.epochs": 3.0,
        "train.gradient_accumulation": 2, "name": "x", "train.seed": 7,
    }  # fmt: skip
    other: dict[str, Any] = {
        "train.seq_len": 512, "method.rank": 8, "train.gradient_accumulation": 1,
        "train.optimizer": "adamw_8bit", "method.compute_dtype": "fp32",
        "train.gradient_checkpointing": True, "method.use_dora": True,
    }  # fmt: skip

    for name, value in same.items():
        assert key(Plan()) == key(with_value(Plan(), name, value)), name
    for name, value in other.items():
        assert key(Plan()) != key(with_value(Plan(), name, value)), name


def test_the_newest_wish_wins(qtbot: QtBot, runs: DryRuns) -> None:
    """A run under way is ended for a newer one."""
    runs.start(facts(), HANGS, BUDGET)
    qtbot.waitUntil(lambda: bool(DryChild.asked))
    runs.start(facts(), Plan(), BUDGET)
    ended(qtbot, runs)

    assert 1016 == runs.tensors(key(Plan()))
    assert runs.tensors(key(HANGS)) is None
    assert runs.failure(key(HANGS)) is None


def test_cancelled_and_asked_again(qtbot: QtBot, runs: DryRuns) -> None:
    """Cancelling leaves no answer and no failure; the same may be asked at once."""
    runs.start(facts(), HANGS, BUDGET)
    qtbot.waitUntil(lambda: bool(DryChild.asked))
    runs.cancel()
    assert runs.running is None
    runs.start(facts(), HANGS, BUDGET)
    qtbot.waitUntil(lambda: len(DryChild.asked) == 2)

    assert key(HANGS) == runs.running
    assert runs.failure(key(HANGS)) is None


def test_a_failure_is_told_and_may_be_tried_again(qtbot: QtBot, runs: DryRuns) -> None:
    """The reason is kept for what failed alone, and asking again runs it again."""
    runs.start(facts(), FAILS, BUDGET)
    ended(qtbot, runs)
    told = runs.failure(key(FAILS))

    assert told is not None
    assert "This cannot be built." == told.message
    assert runs.failure(key(Plan())) is None
    runs.start(facts(), FAILS, BUDGET)
    ended(qtbot, runs)
    assert 2 == len(DryChild.asked)


def test_a_model_without_a_config_says_so(qtbot: QtBot) -> None:
    """What cannot be read is a failure in words; no child is started."""

    def unread(found: ModelFacts) -> dict[str, Any]:
        raise ModelError("model.not_here", f"{found.id} is not here.", hint="Get it.")

    runs = DryRuns(unread)
    runs.start(facts(), Plan(), BUDGET)
    ended(qtbot, runs)
    told = runs.failure(key(Plan()))

    assert told is not None
    assert "org/small is not here." == told.message
