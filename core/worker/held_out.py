"""The rows kept apart: measured in batches, and one of them answered for the eye."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from core.data.encode import rendered
from core.data.examples import Examples
from core.data.rows import Chat, EncodedRow
from core.engine.batch import trained_tokens
from core.engine.learner import Learner
from core.engine.loop import HeldOut
from core.engine.tokenizer import ModelTokenizer
from core.runs.events import Sample

_SAMPLE_TOKENS = 48
# Chats looked at for one whose prompt is short enough.
_MOST_CHATS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    ids: tuple[int, ...]
    asked: str
    expected: str


class Sampler:
    """Lets the model answer one held-out prompt, for the eye.

    The prompt is at most half as long as a row of the training: the cache of a longer
    one would take more memory than a step, and a text of any length may be held out.
    """

    def __init__(
        self,
        learner: Learner,
        rows: Examples,
        tokenizer: ModelTokenizer,
        *,
        seq_len: int,
    ) -> None:
        self._learner = learner
        self._tokenizer = tokenizer
        questions = (
            _question(chat, tokenizer) for chat in rows.held_out_chats[:_MOST_CHATS]
        )
        short = (one for one in questions if len(one.ids) <= max(64, seq_len // 2))
        self._question = next(short, None)

    def sample(self, step: int) -> Sample | None:
        """Return the answer at `step`; `None` where no held-out row is a short chat."""
        question = self._question
        if question is None:
            return None
        said = self._learner.greedy(
            question.ids,
            ends=frozenset([self._tokenizer.eos or -1]),
            most=_SAMPLE_TOKENS,
        )
        return Sample(
            t=time.time(),
            step=step,
            prompt=question.asked,
            text=self._tokenizer.hf.decode(said, skip_special_tokens=True),
            expected=question.expected,
        )


def _question(chat: Chat, tokenizer: ModelTokenizer) -> _Question:
    turns = rendered(chat, tokenizer).turns
    last = max(n for n, turn in enumerate(turns) if turn.role == "assistant")
    text = tokenizer.render(turns[:last], tools=chat.tools, add_generation_prompt=True)
    asked = [turn.content for turn in turns[:last] if turn.role == "user"]
    return _Question(
        ids=tuple(token.id for token in tokenizer.tokens(text)),
        asked=asked[-1] if asked else "",
        expected=turns[last].content,
    )


def held_out(rows: Sequence[EncodedRow], batch_size: int) -> HeldOut:
    """Return `rows` in batches of like length."""
    ordered = sorted(rows, key=lambda row: len(row.ids))  # least padding
    return HeldOut(
        batches=[
            ordered[at : at + batch_size] for at in range(0, len(ordered), batch_size)
        ],
        trained_tokens=trained_tokens(ordered),
    )
