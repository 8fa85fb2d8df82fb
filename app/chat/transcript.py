"""A conversation with several voices at once, as values.

Every voice (the base, or the base with an adapter) is a column with a history of its
own: it is shown what it said itself, never what a neighbour said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

AnswerState = Literal["waiting", "streaming", "done", "cut", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who answers in a column; `adapter_id` is empty for the base."""

    key: str
    """``base`` and the base's id, or the adapter's id: what tells columns apart."""
    name: str
    adapter_id: str = ""
    path: str = ""
    """The adapter's folder."""
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one voice said, or is saying, to one prompt."""

    speaker: Speaker
    text: str = ""
    state: AnswerState = "waiting"
    tokens: int = 0
    tokens_per_s: float = 0.0
    first_token_s: float = 0.0
    prompt: str = ""
    """The exact text sent to the model, template and all."""
    prompt_tokens: int = 0
    problem: str = ""
    hint: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in {"done", "cut", "failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One prompt and its answers, side by side."""

    prompt: str
    answers: tuple[Answer, ...] = ()

    def answer_of(self, key: str) -> Answer | None:
        """Return what the voice `key` answered, if it was asked."""
        return next((a for a in self.answers if a.speaker.key == key), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """A whole conversation."""

    system: str = ""
    turns: tuple[Turn, ...] = ()

    def messages_for(self, key: str, *, turn: int) -> tuple[Mapping[str, str], ...]:
        """Return what the voice `key` is sent to answer turn number `turn`.

        Earlier turns it did not answer are left out: two prompts in a row would break
        most chat templates.
        """
        found: list[Mapping[str, str]] = []
        if self.system:
            found.append({"role": "system", "content": self.system})
        for earlier in self.turns[:turn]:
            answer = earlier.answer_of(key)
            if answer is not None and answer.text and answer.state != "failed":
                found.append({"role": "user", "content": earlier.prompt})
                found.append({"role": "assistant", "content": answer.text})
        found.append({"role": "user", "content": self.turns[turn].prompt})
        return tuple(found)

    def with_turn(self, prompt: str, speakers: Sequence[Speaker]) -> Transcript:
        """Return the conversation with one more prompt that waits for answers."""
        answers = tuple(Answer(speaker=speaker) for speaker in speakers)
        return replace(self, turns=(*self.turns, Turn(prompt=prompt, answers=answers)))

    def without_last_turn(self) -> Transcript:
        """Return the conversation before the last prompt."""
        return replace(self, turns=self.turns[:-1])

    def with_answer(self, turn: int, column: int, answer: Answer) -> Transcript:
        """Return the conversation with another answer in one place."""
        old = self.turns[turn]
        answers = (*old.answers[:column], answer, *old.answers[column + 1 :])
        turns = (
            *self.turns[:turn],
            replace(old, answers=answers),
            *self.turns[turn + 1 :],
        )
        return replace(self, turns=turns)

    def speakers(self) -> tuple[Speaker, ...]:
        """Return every voice that ever answered, in order of appearance."""
        found: dict[str, Speaker] = {}
        for turn in self.turns:
            for answer in turn.answers:
                found.setdefault(answer.speaker.key, answer.speaker)
        return tuple(found.values())


def as_training_row(transcript: Transcript, key: str) -> str:
    """Return one voice's conversation as a line of JSONL that can be trained on.

    Prompts it did not answer to the end are left out; empty if none is left.
    """
    messages: list[dict[str, str]] = []
    for turn in transcript.turns:
        answer = turn.answer_of(key)
        if answer is None or not answer.text or answer.state not in {"done", "cut"}:
            continue
        messages.append({"role": "user", "content": turn.prompt})
        messages.append({"role": "assistant", "content": answer.text})
    if not messages:
        return ""
    if transcript.system:
        messages.insert(0, {"role": "system", "content": transcript.system})
    return json.dumps({"messages": messages}, ensure_ascii=False) + "\n"


def as_text(transcript: Transcript) -> str:
    """Return the whole conversation as plain text, every voice under its name."""
    parts = [f"System: {transcript.system}\n"] if transcript.system else []
    for turn in transcript.turns:
        parts.append(f"You: {turn.prompt}\n")
        for answer in turn.answers:
            said = answer.text or f"({answer.problem or 'no answer'})"
            parts.append(f"{answer.speaker.name}: {said}\n")
    return "\n".join(parts)
