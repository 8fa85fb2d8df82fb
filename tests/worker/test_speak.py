"""What the chat worker holds in memory, and what it says when there is no more."""

import io
import sys
import weakref
from typing import Any

import pytest
import torch

from core.chat.events import Ask, ChatFailed, Load, Voice, decode_event, encode_order
from core.worker import speak

LOAD = encode_order(Load(model_path="/x"))
ASK = encode_order(
    Ask(request=1, messages=({"role": "user", "content": "?"},), voices=(Voice(),))
)


class Base:
    """A speaker that only takes memory."""


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the worker says."""
    out = io.StringIO()
    monkeypatch.setattr(speak, "private_stdout", lambda: out)
    return out


def hear(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(sys, "stdin", list(lines))
    assert 0 == speak.chat()


def test_the_old_base_is_gone_before_the_new_one_comes(
    said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two bases at once may be more than the card has; answering keeps none alive."""
    loaded: list[weakref.ref[Base]] = []
    alive: list[int] = []

    def load(order: Load, tell: Any) -> Base:
        alive.append(sum(old() is not None for old in loaded))
        base = Base()
        loaded.append(weakref.ref(base))
        return base

    monkeypatch.setattr(speak, "_load", load)
    monkeypatch.setattr(speak, "_answer", lambda *_: None)

    hear(monkeypatch, LOAD, ASK, LOAD, ASK, LOAD)

    assert [0, 0, 0] == alive


def test_a_full_card_is_told_in_the_words_of_a_chat(
    said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no batch to make smaller and no run to resume."""

    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(speak, "_load", full)

    hear(monkeypatch, LOAD)
    (told,) = (decode_event(line) for line in said.getvalue().splitlines())

    assert isinstance(told, ChatFailed)
    assert "memory.out" == told.code
    assert "4 bits" in told.hint
    assert "resume" not in told.hint
