"""Room for whole steps, taken where a card's memory cannot grow."""

from typing import Any, cast

import pytest
import torch

from core.engine import room
from core.engine.device import Compute
from core.engine.room import make_room

GIB = 1 << 30


class _Card:
    """Computes on the processor and says it were a card."""

    device = torch.device("cpu")
    dtype = torch.float32
    on_gpu = True


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes asked of a card with 4 GiB free whose segments do not grow."""
    sizes: list[int] = []

    def empty(size: int, **_: Any) -> None:
        sizes.append(size)

    def free(_: torch.device) -> tuple[int, int]:
        return 4 * GIB, 8 * GIB

    monkeypatch.setattr(torch.cuda, "mem_get_info", free)
    monkeypatch.setattr(torch.cuda, "memory_snapshot", list[Any])
    monkeypatch.setattr(room.torch, "empty", empty)
    return sizes


def _nobody_asks() -> int:
    raise AssertionError("nothing needs to be known")


def test_a_processor_needs_no_room() -> None:
    processor = Compute(device=torch.device("cpu"), dtype_name="fp32")
    make_room(processor, _nobody_asks)


def test_one_segment_holds_a_step(taken: list[int]) -> None:
    make_room(cast("Compute", _Card()), lambda: 3 * GIB)
    assert len(taken) == 1
    assert 3 * GIB < taken[0] < 3.1 * GIB


def test_segments_that_grow_are_left_alone(
    taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = [{"is_expandable": True}]
    monkeypatch.setattr(torch.cuda, "memory_snapshot", lambda: grown)
    make_room(cast("Compute", _Card()), _nobody_asks)
    assert taken == []


def test_what_is_not_free_is_not_taken(taken: list[int]) -> None:
    make_room(cast("Compute", _Card()), lambda: 4 * GIB)
    assert taken == []


def test_of_an_unknown_model_nothing_is_taken(taken: list[int]) -> None:
    make_room(cast("Compute", _Card()), lambda: 0)
    assert taken == []


def test_a_card_that_fills_up_meanwhile_is_no_error(
    taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        taken.append(0)
        raise torch.OutOfMemoryError

    monkeypatch.setattr(room.torch, "empty", full)
    make_room(cast("Compute", _Card()), lambda: GIB)
    assert taken == [0]


def test_no_random_number_is_drawn(taken: list[int]) -> None:
    before = torch.get_rng_state()
    make_room(cast("Compute", _Card()), lambda: GIB)
    assert taken
    assert torch.equal(torch.get_rng_state(), before)
