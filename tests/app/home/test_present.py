"""What Home says, without a window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.glance import (
    DeviceGlance,
    device_chip,
    running_note,
    short_device_name,
    work_chip,
)
from app.home.present import DemoWork, HomeState, present, when_text
from app.services import RunGlance
from core.errors import WorkFailed
from core.hardware.doctor import DoctorProblem
from core.library.record import AdapterRecord
from core.units import GIB

NOW = 1_800_000_000.0


def run(**changes: Any) -> RunGlance:
    return RunGlance(
        **{
            "run_id": "r1",
            "name": "My run",
            "status": "running",
            "created": NOW,
            **changes,
        }
    )


def adapter(**changes: Any) -> AdapterRecord:
    facts: dict[str, Any] = {
        "adapter_id": "a1", "name": "Pirate", "path": Path("a1"), "base_model": "starter",
        "eval_loss_before": 4.0, "eval_loss": 2.0, "created": NOW - 300,
    }  # fmt: skip
    return AdapterRecord(**{**facts, **changes})


def state(**changes: Any) -> HomeState:
    return HomeState(**{"runs": (), "adapters": (), "now": NOW, **changes})


def test_nothing_is_said_before_it_is_known() -> None:
    """Until runs and library were looked at, Home neither greets nor shows figures."""
    view = present(HomeState())

    assert not view.is_ready
    assert not view.is_first
    assert "" == view.subtitle


def test_the_first_start_is_one_button() -> None:
    """No runs and no adapters: the welcome, and its button can be pressed."""
    view = present(state())

    assert view.is_first
    assert view.can_start_demo
    assert not present(state(runs=(run(),))).is_first
    assert not present(state(adapters=(adapter(),))).is_first


def test_the_preparation_is_shown_and_not_started_twice() -> None:
    """While it unpacks: what, how far, and the button waits."""
    view = present(state(demo=DemoWork(what="Unpacking", done=30, total=120)))

    assert ("Unpacking", 0.25, "25%") == (
        view.demo_what, view.demo_fraction, view.demo_detail
    )  # fmt: skip
    assert not view.can_start_demo
    assert present(state(demo=DemoWork(what="Unpacking"))).demo_fraction is None


def test_running_work_says_how_far_and_how_long() -> None:
    """Step, time left and held-out loss in one line."""
    card = present(
        state(runs=(run(step=3, steps=12, seconds_left=125.0, eval_loss=2.5),))
    ).running[0]

    assert "step 3 of 12  ·  2 min 05 s left  ·  held-out loss 2.50" == card.detail
    assert 0.25 == card.fraction
    assert ("Running", "accent") == (card.badge, card.tone)


def test_ended_runs_are_not_running() -> None:
    """Only what runs, waits or is paused stands under Running."""
    runs = tuple(
        run(run_id=status, status=status)
        for status in ("done", "paused", "failed", "queued", "stopped", "interrupted")
    )

    view = present(state(runs=runs))

    assert ["paused", "queued"] == [card.run_id for card in view.running]
    assert [("done", "good"), ("failed", "bad"), ("stopped", "neutral")] == [
        (card.run_id, card.tone) for card in view.recent if card.tone != "warn"
    ]


def test_an_adapter_says_what_the_training_changed() -> None:
    """Before, after and the change; the newest first; the starter by its name."""
    older = adapter(adapter_id="a0", created=NOW - 9999, eval_loss=4.4)
    cards = present(state(adapters=(older, adapter()))).adapters

    assert ["a1", "a0"] == [card.adapter_id for card in cards]
    assert "Loss 4.00 → 2.00, −50 %" == cards[0].gain
    assert "4.000 before the training, 2.000 after" in cards[0].gain_tip
    assert ("good", "warn") == (cards[0].tone, cards[1].tone)
    assert "SmolLM2-135M-Instruct" == cards[0].base


@pytest.mark.parametrize(
    ("changes", "gain", "tone"),
    [
        ({"eval_loss": None}, "Loss not measured", "neutral"),
        ({"eval_loss_before": 0.0}, "Loss not measured", "neutral"),
        ({"ok": False, "problem": "torn"}, "Damaged", "bad"),
    ],
)
def test_an_adapter_without_figures(changes: dict, gain: str, tone: str) -> None:
    """What was not measured or is damaged says so."""
    card = present(state(adapters=(adapter(**changes),))).adapters[0]

    assert (gain, tone) == (card.gain, card.tone)


def test_attention_names_the_page_that_mends_it() -> None:
    """Interrupted, failed, damaged and ill: the worst first, each with a way."""
    view = present(
        state(
            runs=(
                run(run_id="r1", status="interrupted", step=7, steps=9),
                run(run_id="r2", status="failed", problem="Out of memory."),
                run(run_id="r3", status="failed", created=NOW - 90 * 86400),
            ),
            adapters=(adapter(ok=False, problem="A file is torn."),),
            problems=(
                DoctorProblem(code="a", message="Low disk.", hint="Free some."),
                DoctorProblem(code="b", message="No card.", hint="-", level="info"),
            ),
        )
    )

    assert ["bad", "warn", "warn", "warn"] == [one.tone for one in view.attention]
    assert ["r2", "r1", "doctor", "a1"] == [one.argument for one in view.attention]
    assert "step 7 of 9" in view.attention[1].title


def test_a_failure_has_words_and_a_way_out() -> None:
    """What went wrong and what to do both reach the page."""
    view = present(state(failure=WorkFailed("x", "No room.", hint="Free some space.")))

    assert ("No room.", "Free some space.") == (view.failure_title, view.failure_text)


@pytest.mark.parametrize(
    ("age_s", "text"),
    [
        (-50, "just now"), (10, "just now"), (600, "10 minutes ago"),
        (3700, "an hour ago"), (5 * 3600, "5 hours ago"), (30 * 3600, "yesterday"),
        (10 * 86400, "10 days ago"),
    ],
)  # fmt: skip
def test_ages_are_words(age_s: float, text: str) -> None:
    """How long ago, as a person would say it."""
    assert text == when_text(NOW - age_s, NOW)


def test_an_old_date_is_a_date() -> None:
    """Beyond a month the day is told."""
    assert when_text(NOW - 400 * 86400, NOW).endswith("2025")


# -- the status bar --------------------------------------------------------------


def test_the_device_is_told_short() -> None:
    """Makers' noise is dropped; memory in GiB; a temperature where there is one."""
    gpu = DeviceGlance(
        name="NVIDIA GeForce RTX 3060", is_gpu=True, total=12 * GIB, free=9 * GIB,
        temperature=48.4,
    )  # fmt: skip
    cpu = DeviceGlance(
        name="Intel(R) Core(TM) i7 CPU @ 3GHz", is_gpu=False, total=0, free=0
    )

    chip = device_chip(gpu)
    assert ("RTX 3060", "3.0 of 12.0 GiB  ·  48 °C", 0.25) == (
        chip.words, chip.tail, chip.fraction
    )  # fmt: skip
    assert device_chip(cpu).fraction is None
    assert "Core i7" == short_device_name(cpu.name)
    assert "Processor" == short_device_name(" CPU @ 2 GHz")


def test_the_work_is_told_in_a_line() -> None:
    """Nothing, waiting, starting, running, several: each has its words."""
    running = run(step=5, steps=10, seconds_left=60.0)

    assert "" == work_chip(()).words
    assert "waiting" in work_chip((run(status="queued"),)).words
    assert "starting" == work_chip((run(),)).tail
    assert "step 5 of 10  ·  1 min 00 s left" == work_chip((running,)).tail
    assert work_chip((running, run(run_id="r2"))).tail.endswith("1 more")
    assert "2 running" == running_note((running, run(run_id="r2"), run(status="done")))
    assert "" == running_note(())
