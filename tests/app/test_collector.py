"""Cycles are collected in the window's thread, and nowhere else."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.qtwork.collector import Collector, collect_due


class Ring:
    """Holds itself, as a page and a slot of its own may."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def collector(qapp: object) -> Iterator[Collector]:
    made = Collector()
    yield made
    made.end()


def make_rings() -> weakref.ref[Ring]:
    """Return the first of more rings than the interpreter leaves lying about."""
    rings = [Ring() for _ in range(4 * gc.get_threshold()[0])]
    return weakref.ref(rings[0])


def test_other_threads_collect_nothing(qtbot: QtBot, collector: Collector) -> None:
    """What a thread leaves behind is swept by the window's, soon."""
    left: list[weakref.ref[Ring]] = []
    thread = threading.Thread(target=lambda: left.append(make_rings()))
    thread.start()
    thread.join()
    assert left[0]() is not None

    collector.start()
    qtbot.waitUntil(lambda: left[0]() is None)


def test_the_interpreter_collects_again_at_the_end(qapp: object) -> None:
    """A program without a window has no timer to rely on."""
    Collector().end()

    assert gc.isenabled()


def test_nothing_is_collected_before_it_is_due(collector: Collector) -> None:
    """A window at rest walks through nothing."""
    while collect_due() is not None:
        pass

    assert collect_due() is None
