"""Curves are folded from events, and a resumed run draws no step twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.training.series import RunTracker, Series, SmoothedSeries
from core.runs.events import Device, Metrics, Phase, RunEvent
from core.runs.state import folded
from tests.app.training.made_runs import START, end, training_events


def metrics(step: int, **values: object) -> Metrics:
    return Metrics(t=START + step, step=step, epoch=0.0, **values)  # type: ignore[arg-type]


def test_points_come_in_rising_order() -> None:
    """A point at an earlier x takes the place of everything from there on."""
    series = Series()
    for x, y in ((1, 1.0), (2, 2.0), (3, 3.0), (2, 9.0)):
        series.add(x, y)

    points = series.points()

    assert [1, 2] == list(points.xs)
    assert [1.0, 9.0] == list(points.ys)


def test_a_snapshot_does_not_change_with_the_series() -> None:
    """What was handed out to be drawn stays as it was."""
    series = Series()
    series.add(1, 1.0)
    before = series.points()

    series.add(2, 2.0)

    assert [1] == list(before.xs)


def test_smoothing_of_a_constant_is_the_constant() -> None:
    """The debiased mean is not pulled towards zero at its start."""
    series = SmoothedSeries()
    for step in range(1, 6):
        series.add(step, 2.5)

    assert [2.5] * 5 == pytest.approx(list(series.points().ys))


def test_smoothing_goes_on_from_where_it_was_cut() -> None:
    """Repeating steps after a resume gives the very curve of a run not interrupted."""
    values = [3.0, 2.0, 2.5, 1.0, 1.5]
    whole, cut = SmoothedSeries(), SmoothedSeries()
    for step, value in enumerate(values):
        whole.add(step, value)
        cut.add(step, value)
    for step in (2, 3, 4):
        cut.add(step, values[step])

    assert list(whole.points().ys) == pytest.approx(list(cut.points().ys))


def test_a_resumed_run_draws_no_step_twice() -> None:
    """Steps repeated after a kill replace what was drawn of them."""
    straight = RunTracker().digest(list(training_events(40, eval_every=10)))
    broken: list[RunEvent] = list(training_events(40, upto=27, eval_every=10))
    resumed = training_events(40, first=21, t=START + 500, eval_every=10)
    resumed_curves = RunTracker().digest([*broken, *resumed]).curves

    assert straight.curves.loss.xs == resumed_curves.loss.xs
    assert straight.curves.loss.ys == resumed_curves.loss.ys
    assert straight.curves.eval_loss == resumed_curves.eval_loss
    assert list(straight.curves.smoothed.ys) == pytest.approx(
        list(resumed_curves.smoothed.ys)
    )


def test_held_out_loss_at_the_step_resumed_from_keeps_that_steps_loss() -> None:
    """An evaluation at the checkpoint's step replaces later points alone."""
    tracker = RunTracker()
    tracker.digest([metrics(step, loss=float(step)) for step in (1, 2, 3)])

    curves = tracker.digest([metrics(2, eval_loss=1.5)]).curves

    assert [1.0, 2.0] == list(curves.loss.xs)
    assert [2.0] == list(curves.eval_loss.xs)


def test_samples_after_the_checkpoint_are_forgotten_on_resume() -> None:
    """What an undone step answered is not shown as progress."""
    broken = list(training_events(40, upto=35, eval_every=10))
    snapshot = RunTracker().digest([*broken, metrics(21, loss=2.0)])

    assert [0, 10, 20] == [sample.step for sample in snapshot.samples]


def test_state_is_the_plain_fold() -> None:
    """The tracker's figures are those of core's own fold."""
    events = [*training_events(30), end(t=START + 90, step=30)]

    assert folded(events) == RunTracker().digest(events).state


def test_pace_is_the_median_of_the_last_steps() -> None:
    """A laptop's nap within a step does not poison the time left."""
    events: list[RunEvent] = [metrics(step, loss=1.0) for step in range(1, 12)]
    napped = [
        replace(event, t=event.t + 3600) if event.step > 8 else event
        for event in events
        if isinstance(event, Metrics)
    ]

    assert 1.0 == RunTracker().digest(napped).seconds_per_step


def test_a_new_stretch_forgets_the_old_pace() -> None:
    """After a resume, perhaps on another device, the pace is measured anew."""
    tracker = RunTracker()
    tracker.digest([metrics(step, loss=1.0) for step in (1, 2, 3)])

    snapshot = tracker.digest([Phase(t=START + 99, phase="prepare")])

    assert snapshot.seconds_per_step is None


def test_a_pause_is_not_counted_as_work() -> None:
    """Time between the end of one stretch and the next belongs to nobody."""
    first = [*training_events(20, upto=10), end("paused", t=START + 30, step=10)]
    second = training_events(20, first=11, t=START + 5000)
    tracker = RunTracker()
    before = tracker.digest(first).trained_s

    after = tracker.digest(list(second)).trained_s

    assert 30 == before
    assert 30 + 26 == after


def test_device_curves_run_over_minutes() -> None:
    """Temperature and power belong to time, not to steps."""
    events: list[RunEvent] = [Phase(t=START, phase="train")]
    events += [
        Device(t=START + at * 60, used=1, temperature=50.0 + at) for at in (1, 2)
    ]

    curves = RunTracker().digest(events).curves

    assert [1.0, 2.0] == list(curves.temperature.xs)
    assert not curves.power


def test_memory_is_drawn_in_gib() -> None:
    """Bytes become the unit of the chart once, here."""
    curves = RunTracker().digest([metrics(1, memory_allocated=3 << 30)]).curves

    assert [3.0] == list(curves.memory.ys)
