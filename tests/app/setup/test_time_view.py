"""The time a draft takes, told by a forecast and the data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app.setup.present import present
from app.setup.time_view import (
    epoch_tokens,
    longest_row_tokens,
    row_tokens,
    run_time_text,
    span,
    time_line,
    time_text,
)
from core.hardware.budget import DeviceBudget
from core.plan.fields import with_value
from core.plan.plan import Plan
from core.planner.forecast import Forecast
from core.units import GIB
from tests.app.setup.made import BUDGET, ready, report

FORECAST = Forecast(
    tokens_per_s=100.0,
    low=50.0,
    high=200.0,
    basis="runs",
    reason="From 3 runs measured on this machine.",
)


def test_rows_are_as_long_as_they_are_learnt() -> None:
    """Ninety tokens a row on the mean; a shorter sequence length cuts them off."""
    short = with_value(Plan(), "train.seq_len", 45)

    assert 90.0 == row_tokens(Plan(), report())
    assert 45.0 == row_tokens(short, report())
    assert row_tokens(Plan(), report(tokens=None)) is None
    assert row_tokens(Plan(), None) is None


def test_the_longest_row_is_known_where_rows_stay_whole() -> None:
    """Text laid end to end is cut at the sequence length, whatever it is."""
    counted = report().tokens
    assert counted is not None

    assert counted.longest == longest_row_tokens(report())
    for unknown in (None, report(tokens=None), report(format="text")):
        assert longest_row_tokens(unknown) is None


def test_an_epoch_is_one_pass_over_the_training_rows() -> None:
    """What is held out is not learnt from; laid-out text loses nothing to a cut."""
    prose = report(format="text", train_rows=None)

    assert 90 * 90.0 == epoch_tokens(Plan(), report())
    assert 9000 * 0.9 == epoch_tokens(with_value(Plan(), "train.seq_len", 128), prose)
    assert epoch_tokens(Plan(), report(tokens=None)) is None


def test_a_span_is_as_rough_as_a_forecast() -> None:
    """Seconds up to a minute, tens of seconds, minutes, five minutes, hours."""
    assert "about 10 s (5 s to 20 s)" == span(FORECAST, 1_000)
    assert "about 1 min 40 s (50 s to 3 min 20 s)" == span(FORECAST, 10_000)
    assert "about 17 min (8 min 20 s to 33 min)" == span(FORECAST, 100_000)
    assert "about 2 h 45 min (1 h 25 min to 5 h 35 min)" == span(FORECAST, 1_000_000)
    assert "about 11 d 14 h (5 d 19 h to 23 d 4 h)" == span(FORECAST, 100_000_000)
    even = replace(FORECAST, low=100.0, high=100.0)
    assert "about 10 s" == span(even, 1_000)


def test_the_fit_step_tells_the_time_of_an_epoch() -> None:
    """With counted data an epoch, without it a thousand full rows; and what it rests on."""
    assert (
        "About 1 min 20 s (41 s to 2 min 40 s) an epoch, at 100 tokens/s. From 3 runs"
        " measured on this machine."
    ) == time_text(Plan(), report(), FORECAST, BUDGET)
    told = time_text(Plan(), None, FORECAST, BUDGET)
    assert told.startswith("About 2 h 50 min (1 h 25 min to 5 h 40 min) for 1,000 rows")
    assert "rows of 1,024 tokens" in told


def test_where_no_rate_is_known_it_says_why() -> None:
    """A processor waits for its first run, a size has no rates, an odd card too."""
    cpu = DeviceBudget(kind="cpu", name="Xeon", total=GIB, free=GIB)
    sized = DeviceBudget(kind="cuda", name="a card", total=GIB, free=GIB, imagined=True)

    assert "measured on this processor" in time_text(Plan(), None, None, cpu)
    assert "by its size alone" in time_text(Plan(), None, None, sized)
    assert "measured on the GeForce RTX 3060" in time_text(Plan(), None, None, BUDGET)
    assert (
        "" == time_text(Plan(), None, None, None) == time_line(Plan(), None, None, None)
    )
    assert time_line(Plan(), None, None, cpu).startswith("Time: known once")


def test_a_whole_run_takes_its_steps() -> None:
    """Twelve steps of eight rows of ninety tokens at 100 a second: 86 seconds."""
    told = run_time_text(Plan(), report(), FORECAST, 12)

    assert told.startswith("About 1 min 30 s (44 s to 2 min 50 s).")
    assert "" == run_time_text(Plan(), report(tokens=None), FORECAST, 12)
    assert "" == run_time_text(Plan(), report(), None, 12)


def test_the_start_card_tells_the_time(tmp_path: Path) -> None:
    """With a forecast the card says how long; without one it says nothing."""
    state = ready(tmp_path)
    known = replace(state, fit=replace(state.fit, forecast=FORECAST))
    told = {row[0]: row[1] for row in present(known).start.facts}

    assert told["Time"].startswith("About 1 min 30 s")
    assert "Time" not in {row[0] for row in present(state).start.facts}
