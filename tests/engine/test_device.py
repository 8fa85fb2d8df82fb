"""Where tensors live: what a driver refuses, and what a person chose."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from core.engine import device
from core.engine.device import compute_for, why_no_cuda

Refuses = Callable[[Exception | None], list[str]]


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Refuses:
    """A card that refuses growing segments with an error; returns what it was told."""
    told: list[str] = []

    def refuses(err: Exception | None) -> list[str]:
        def empty(*_: Any, **__: Any) -> None:
            if err is not None and not told:
                raise err

        monkeypatch.setattr(device.torch, "empty", empty)
        return told

    monkeypatch.delenv("TUNESMITH_DEVICE", raising=False)
    cuda = device.torch.cuda
    monkeypatch.setattr(cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "current_device", lambda: 0)
    monkeypatch.setattr(cuda, "get_device_capability", lambda _: (7, 5))
    monkeypatch.setattr(cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(device, "_set_allocator", told.append)
    return refuses


@pytest.mark.parametrize(
    ("err", "told"),
    [
        (None, []),
        (RuntimeError("CUDA driver error: unknown error"),
         ["expandable_segments:False"]),
    ],
)  # fmt: skip
def test_growing_segments_are_given_up_where_the_driver_refuses(
    err: Exception | None, told: list[str], card: Refuses
) -> None:
    """Virtual cards and old drivers fail at the first tensor; a run must not."""
    found = card(err)

    compute = compute_for("auto")

    assert told == found
    assert ("cuda:0", "fp16") == (str(compute.device), compute.dtype_name)


def test_a_full_card_is_told_as_such(card: Refuses) -> None:
    """Another kind of segment makes no room."""
    told = card(torch.OutOfMemoryError("CUDA out of memory."))

    with pytest.raises(torch.OutOfMemoryError):
        compute_for("auto")
    assert [] == told


def test_a_person_may_choose_the_processor(
    card: Refuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a card in the machine the choice still holds."""
    card(None)
    monkeypatch.setenv("TUNESMITH_DEVICE", "cpu")

    assert "cpu" == compute_for("auto").device.type


def test_torch_says_why_it_uses_no_card() -> None:
    """Here it is built without CUDA, or finds no driver."""
    if not torch.cuda.is_available():
        assert why_no_cuda()
