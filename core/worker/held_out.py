"""The rows kept apart: measured in batches, and one of them answered for the eye."""

import time
from collections.abc import Sequence

from core.data.encode import rendered
from core.data.examples import Examples
from core.data.rows import EncodedRow
from core.engine.batch import trained_tokens
from core.engine.learner import Learner
from core.engine.loop import HeldOut
from core.engine.tokenizer import ModelTokenizer
from core.runs.events import Sample

_SAMPLE_TOKENS = 48


class Sampler:
    """Lets the model answer one held-out prompt, for the eye."""

    def __init__(
        self, learner: Learner, rows: Examples, tokenizer: ModelTokenizer
    ) -> None:
        self._learner = learner
        self._tokenizer = tokenizer
        self._chat = next(iter(rows.held_out_chats), None)

    def sample(self, step: int) -> Sample | None:
        """Return the answer at `step`; `None` where the held-out rows are no chats."""
        if self._chat is None:
            return None
        turns = rendered(self._chat, self._tokenizer).turns
        last = max(n for n, turn in enumerate(turns) if turn.role == "assistant")
        text = self._tokenizer.render(
            turns[:last], tools=self._chat.tools, add_generation_prompt=True
        )
        ids = [token.id for token in self._tokenizer.tokens(text)]
        said = self._learner.greedy(
            ids, ends=frozenset([self._tokenizer.eos or -1]), most=_SAMPLE_TOKENS
        )
        asked = [turn.content for turn in turns[:last] if turn.role == "user"]
        return Sample(
            t=time.time(),
            step=step,
            prompt=asked[-1] if asked else "",
            text=self._tokenizer.hf.decode(said, skip_special_tokens=True),
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
