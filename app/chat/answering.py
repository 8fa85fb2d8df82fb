"""Who is to answer next, and what has been heard: the conversation's bookkeeping.

Answers are asked for one by one: a voice that is stopped must not be followed by the
next as if nothing had happened. Pure values and queues, no Qt and no process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.chat.transcript import Answer, Speaker, Transcript
from core.chat.events import (
    Answered,
    Ask,
    ChatEvent,
    ChatFailed,
    Finished,
    Prompted,
    Said,
    Sampling,
    Voice,
)
from core.errors import TunesmithError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    turn: int
    column: int
    sampling: Sampling


class Answering:
    """Holds the transcript, hands out orders, takes in events."""

    def __init__(self) -> None:
        self.transcript = Transcript()
        self._waiting: deque[_Place] = deque()
        self._current: _Place | None = None
        self._request = 0

    @property
    def open_answers(self) -> int:
        """How many answers are being given or wait."""
        return len(self._waiting) + (self._current is not None)

    def begin(
        self, prompt: str, speakers: Sequence[Speaker], sampling: Sampling
    ) -> None:
        """Add a prompt that each of `speakers` is to answer."""
        turn = len(self.transcript.turns)
        self.transcript = self.transcript.with_turn(prompt, speakers)
        self._waiting.extend(
            _Place(turn=turn, column=column, sampling=sampling)
            for column in range(len(speakers))
        )

    def next_order(self) -> Ask | None:
        """Return the next question to send, or None while one is being answered."""
        if self._current is not None or not self._waiting:
            return None
        self._current = place = self._waiting.popleft()
        self._request += 1
        speaker = self._answer(place).speaker
        return Ask(
            request=self._request,
            messages=self.transcript.messages_for(speaker.key, turn=place.turn),
            voices=(
                Voice(
                    adapter=speaker.adapter_id, path=speaker.path, scale=speaker.scale
                ),
            ),
            sampling=place.sampling,
        )

    def hear(self, event: ChatEvent) -> bool:
        """Take in what the engine said; return whether the answer is over."""
        place = self._current
        request = getattr(event, "request", None)
        if place is None or request != self._request:
            return False  # of an answer nobody waits for any more
        answer = self._answer(place)
        match event:
            case Prompted():
                self._put(
                    place,
                    replace(answer, prompt=event.text, prompt_tokens=event.tokens),
                )
            case Said():
                text = answer.text + event.text
                self._put(place, replace(answer, text=text, state="streaming"))
            case Answered():
                self._put(place, _finished(answer, event))
            case ChatFailed():
                failed = replace(
                    answer, state="failed", problem=event.message, hint=event.hint
                )
                self._put(place, failed)
                self._current = None
                return True
            case Finished():
                if not answer.is_over:  # hushed before its first word
                    self._put(place, replace(answer, state="cut"))
                self._current = None
                return True
            case _:
                pass
        return False

    def stop(self) -> None:
        """Ask nobody further; what is being said is still heard to its end."""
        for place in self._waiting:
            self._put(place, replace(self._answer(place), state="cut"))
        self._waiting.clear()

    def fail(self, error: TunesmithError) -> None:
        """Mark every open answer as failed: the engine is gone."""
        places = [*([self._current] if self._current else []), *self._waiting]
        for place in places:
            failed = replace(
                self._answer(place), state="failed", problem=error.message, hint=""
            )
            self._put(place, failed)
        self._waiting.clear()
        self._current = None

    def take_back(self) -> str:
        """Remove the last prompt with its answers and return it."""
        prompt = self.transcript.turns[-1].prompt
        self.transcript = self.transcript.without_last_turn()
        return prompt

    def _answer(self, place: _Place) -> Answer:
        return self.transcript.turns[place.turn].answers[place.column]

    def _put(self, place: _Place, answer: Answer) -> None:
        self.transcript = self.transcript.with_answer(place.turn, place.column, answer)


def _finished(answer: Answer, event: Answered) -> Answer:
    return replace(
        answer,
        text=event.text,
        state="cut" if event.stopped else "done",
        tokens=event.tokens,
        tokens_per_s=event.tokens_per_s,
        first_token_s=event.first_token_s,
    )
