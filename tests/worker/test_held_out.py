"""The sample answered for the eye never takes more memory than a step does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from core.data.examples import Examples
from core.data.rows import Chat, LoadedData, Message
from core.engine.tokenizer import open_tokenizer
from core.runs.events import Sample
from core.worker.held_out import Sampler


class Answering:
    """A learner that says nothing and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def greedy(
        self, ids: Sequence[int], *, ends: frozenset[int], most: int
    ) -> list[int]:
        del ends, most
        self.asked.append(len(ids))
        return []


def chat(words: int) -> Chat:
    asked = Message(role="user", content="why " * words)
    return Chat(
        messages=(asked, Message(role="assistant", content=f"{words} times")), line=1
    )


def sampled(tiny: Path, *chats: Chat, seq_len: int) -> tuple[Sample | None, list[int]]:
    learner = Answering()
    rows = Examples(
        train=(),
        held_out=(),
        held_out_chats=chats,
        dropped=(),
        truncated=0,
        data=cast("LoadedData", None),
    )
    tokenizer = open_tokenizer(tiny)
    sampler = Sampler(cast("Any", learner), rows, tokenizer, seq_len=seq_len)
    return sampler.sample(3), learner.asked


def test_a_prompt_longer_than_half_a_row_is_passed_over(tiny: Path) -> None:
    """The next one that is short enough is answered instead."""
    found, asked = sampled(tiny, chat(5000), chat(300), chat(3), seq_len=256)

    assert found is not None
    assert "3 times" == found.expected
    assert 3 == found.step
    assert asked[0] <= 128


def test_without_a_short_prompt_there_is_no_sample(tiny: Path) -> None:
    """Training goes on; nothing is made up."""
    assert (None, []) == sampled(tiny, chat(5000), seq_len=256)
    assert (None, []) == sampled(tiny, seq_len=256)
