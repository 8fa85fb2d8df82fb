"""A run's events, one line each, both ways."""

import dataclasses
import json
import math
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import WorkFailed
from core.runs.events import (
    Ended,
    Metrics,
    Phase,
    RunEvent,
    Warned,
    decode,
    encode,
    failed,
)


def finite(event: Any) -> Any:
    """Return `event` with 0 for every number that JSON cannot write."""
    pairs = ((f.name, getattr(event, f.name)) for f in dataclasses.fields(event))
    odd = {k: 0.0 for k, v in pairs if isinstance(v, float) and not math.isfinite(v)}
    return dataclasses.replace(event, **odd)


EVENTS = st.one_of(*(st.from_type(cls).map(finite) for cls in get_args(RunEvent)))


@given(EVENTS)
def test_every_event_survives_its_line(event: Any) -> None:
    """What the engine says is what a reader hears."""
    assert event == decode(encode(event))


@given(EVENTS)
def test_an_event_is_one_line_with_time_and_kind(event: Any) -> None:
    """As interfaces.md promises to scripts."""
    text = encode(event)
    found = json.loads(text)

    assert "\n" not in text
    assert event.kind == found["kind"]
    assert event.t == found["t"]


@given(EVENTS, st.data())
def test_a_torn_line_is_no_event(event: Any, data: st.DataObject) -> None:
    """A line cut anywhere by a power cut is left out, without a fuss."""
    text = encode(event)
    cut = data.draw(st.integers(0, len(text) - 1))

    assert decode(text[:cut]) is None


@given(st.text())
def test_nothing_read_ever_raises(text: str) -> None:
    """Whatever a file holds."""
    decode(text)


@pytest.mark.parametrize(
    "text", ["[]", "3", "null", '{"kind": "phase"}', '{"kind": "dance", "t": 1}', "{}"]
)
def test_what_is_no_event_is_skipped(text: str) -> None:
    """Unknown kinds come from newer versions; missing fields from torn files."""
    assert decode(text) is None


def test_unknown_keys_are_ignored() -> None:
    """A newer version may say more."""
    text = '{"kind": "phase", "t": 1.0, "phase": "load", "mood": "fine"}'

    assert Phase(t=1.0, phase="load") == decode(text)


def test_a_loss_that_is_no_number_is_left_out() -> None:
    """JSON cannot say NaN; the error event says it in words."""
    found = decode(encode(Metrics(t=1.0, step=3, epoch=0.1, loss=float("nan"))))

    assert isinstance(found, Metrics)
    assert found.loss is None


def test_an_error_is_told_whole() -> None:
    """Code, message and the way out."""
    event = failed(WorkFailed("train.nan", "It diverged.", hint="Lower it."), t=2.0)

    assert ("train.nan", "It diverged.", "Lower it.") == (
        event.code,
        event.message,
        event.hint,
    )
    assert {Ended, Warned} < set(get_args(RunEvent))
