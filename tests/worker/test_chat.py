"""The chat worker in a real process: orders in, events out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.chat.events import (
    Answered,
    Ask,
    ChatEvent,
    ChatFailed,
    ChatOrder,
    Finished,
    Hush,
    Load,
    Prompted,
    Quit,
    Ready,
    Said,
    Sampling,
    Voice,
    decode_event,
    encode_order,
)
from core.launch import JsonLines
from core.runs.folder import RunFolder

# So many answers that one is being given whenever the hush comes.
VOICES = 8
ASKED = ({"role": "user", "content": "What comes after 7?"},)


class Talk:
    """A chat worker and what it says."""

    def __init__(self) -> None:
        self.child = JsonLines(["chat"], environment={"OMP_NUM_THREADS": "1"})
        self._events = self._said()

    def _said(self) -> Iterator[ChatEvent]:
        for line in self.child.lines():
            if (event := decode_event(line)) is not None:
                yield event

    def tell(self, *orders: ChatOrder) -> None:
        for order in orders:
            self.child.send(encode_order(order))

    def hear(self, *until: type[ChatEvent]) -> list[ChatEvent]:
        """Return events up to the first of a kind in `until`."""
        found: list[ChatEvent] = []
        for event in self._events:
            found.append(event)
            if isinstance(event, until):
                break
        return found


@pytest.fixture
def talk() -> Iterator[Talk]:
    found = Talk()
    yield found
    found.child.hang_up()
    found.hear()
    assert 0 == found.child.exit_status


def test_base_and_adapter_answer_in_turn(
    talk: Talk, tiny: Path, whole_run: RunFolder
) -> None:
    """Loaded once, a base answers alone and with an adapter; pieces join to the text."""
    voices = (Voice(), Voice(adapter="mine", path=str(whole_run.adapter)))
    ask = Ask(
        request=7, messages=ASKED, voices=voices, sampling=Sampling(max_tokens=24)
    )
    talk.tell(Load(model_path=str(tiny), compute_dtype="fp32"), ask)

    loaded = talk.hear(Ready, ChatFailed)
    events = talk.hear(Finished, ChatFailed)

    assert isinstance(loaded[-1], Ready)
    assert isinstance(events[0], Prompted)
    assert events[0].text.endswith("<|im_start|>assistant\n")
    answers = [event for event in events if isinstance(event, Answered)]
    assert ["", "mine"] == [answer.adapter for answer in answers]
    assert answers[0].text != answers[1].text
    for answer in answers:
        pieces = [
            e.text for e in events if isinstance(e, Said) and e.voice == answer.voice
        ]
        assert answer.text == "".join(pieces)
        assert answer.request == 7
    assert isinstance(events[-1], Finished)


def test_hush_stops_the_answer_and_the_chat_goes_on(talk: Talk, tiny: Path) -> None:
    """A hushed answer ends early and says so; the next one is whole."""
    endless = Ask(
        request=1, messages=ASKED, voices=(Voice(),) * VOICES,
        sampling=Sampling(max_tokens=400, repetition_penalty=1.2),
    )  # fmt: skip
    short = Ask(
        request=2, messages=ASKED, voices=(Voice(),), sampling=Sampling(max_tokens=3)
    )
    talk.tell(Load(model_path=str(tiny), compute_dtype="fp32"), endless)
    talk.hear(Said)
    talk.tell(Hush(), short)

    first = talk.hear(Finished)
    second = talk.hear(Finished)

    hushed = [event for event in first if isinstance(event, Answered)]
    whole = [event for event in second if isinstance(event, Answered)]
    assert 1 <= len(hushed) < VOICES
    assert [False] * (len(hushed) - 1) + [True] == [one.stopped for one in hushed]
    assert hushed[-1].tokens < 400
    assert 2 == whole[0].request


def test_failures_are_told_and_the_worker_lives(
    talk: Talk, tiny: Path, tmp_path: Path
) -> None:
    """No base, no model, no adapter: each is told in words, and then it answers."""
    (tmp_path / "empty").mkdir()
    ask = Ask(
        request=3, messages=ASKED, voices=(Voice(),), sampling=Sampling(max_tokens=3)
    )
    ghost = Ask(
        request=4,
        messages=ASKED,
        voices=(Voice(adapter="ghost", path=str(tmp_path / "no")),),
    )
    talk.tell(
        ask,
        Load(model_path=str(tmp_path / "empty")),
        Load(model_path=str(tiny), compute_dtype="fp32"),
        ghost,
        ask,
        Quit(),
    )

    events = talk.hear()

    failures = [event for event in events if isinstance(event, ChatFailed)]
    assert ["chat.nothing_loaded", "model.no_weights"] == [f.code for f in failures[:2]]
    assert failures[2].code.startswith("library.")
    assert [3, 0, 4] == [failure.request for failure in failures]
    assert all(failure.hint for failure in failures)
    assert isinstance(events[-1], Finished)
