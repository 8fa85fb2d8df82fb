"""Replies, token by token, of one base model with or without an adapter.

No autocast and no merged weights: what is said here is what plain transformers and
PEFT say, number for number.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftModel
from torch import Tensor, nn

from core.chat.events import Sampling, Voice
from core.data.rows import Message
from core.data.tokenizer import TemplateRefusedError
from core.engine.attach import attach, checked, linear_sizes, set_scale
from core.engine.device import Compute
from core.engine.load import load_base
from core.engine.tokenizer import open_tokenizer
from core.errors import RequestError, WorkFailed
from core.plan.plan import Method

_HALF_A_CHARACTER = "\ufffd"


class Speaker:
    """A base in memory; adapters join it as they are asked for."""

    def __init__(self, folder: Path, *, compute: Compute, quantized: bool) -> None:
        base = load_base(
            folder, compute=compute, quantization=Method() if quantized else None
        )
        base.eval()
        self._model: nn.Module = base
        self._config: Any = base.config
        self._compute = compute
        self._sizes = linear_sizes(base)
        self._tokenizer = open_tokenizer(folder)
        self._ends = _end_tokens(base, self._tokenizer.eos)
        self._names: dict[str, str] = {}
        self._count = 0

    def prompt(self, messages: Sequence[Mapping[str, str]]) -> tuple[str, list[int]]:
        """Return the exact text sent to the model, template and all, and its tokens.

        Raises:
            RequestError: The template refuses the turns, or they are too long.
        """
        turns = [
            Message(role=cast("Any", turn.get("role", "user")), content=turn["content"])
            for turn in messages
        ]
        try:
            text = self._tokenizer.render(turns, tools="", add_generation_prompt=True)
        except TemplateRefusedError as err:
            raise RequestError(
                "chat.template",
                f"The model's chat template refuses these turns: {err}",
                hint="Remove the system prompt, or let user and assistant alternate.",
            ) from err
        ids = [token.id for token in self._tokenizer.tokens(text)]
        longest = int(getattr(self._config, "max_position_embeddings", 0) or 0)
        if 0 < longest <= len(ids):
            raise RequestError(
                "chat.too_long",
                f"The conversation has {len(ids)} tokens; this model reads {longest}.",
                hint="Start a new conversation, or shorten it.",
            )
        return text, ids

    def prepare(self, voice: Voice) -> None:
        """Load the voice's adapter if it is not in memory yet.

        Raises:
            LibraryError: It is damaged, unsafe or made for another base.
        """
        if not voice.adapter or self._key(voice) in self._names:
            return
        adapter = checked(Path(voice.path or voice.adapter), self._sizes)
        self._count += 1
        name = f"voice{self._count}"  # never the person's words: names become paths
        self._model = attach(self._model, adapter, name=name)
        self._names[self._key(voice)] = name

    @staticmethod
    def _key(voice: Voice) -> str:
        return voice.path or voice.adapter

    def tokens(
        self, ids: Sequence[int], voice: Voice, sampling: Sampling
    ) -> Iterator[int]:
        """Give the tokens of a reply until the model ends it or `max_tokens` are said.

        Whether the model ended it itself shows in `max_tokens`: fewer came.
        """
        chance = torch.Generator(device=self._compute.device)
        chance.manual_seed(sampling.seed)
        with torch.inference_mode(), self._as(voice):
            yield from self._decode(ids, sampling, chance)

    def _as(self, voice: Voice) -> Any:
        model = self._model
        if not isinstance(model, PeftModel):
            return nullcontext()
        if not voice.adapter:
            return model.disable_adapter()
        name = self._names[self._key(voice)]
        model.set_adapter(name)
        set_scale(model, name, voice.scale)
        return nullcontext()

    def _decode(
        self, ids: Sequence[int], sampling: Sampling, chance: torch.Generator
    ) -> Generator[int, None, None]:
        device = self._compute.device
        seen = list(ids)
        new = torch.tensor([seen], device=device)
        cache: Any = None
        for _ in range(sampling.max_tokens):
            out = cast("Any", self._model)(
                input_ids=new, past_key_values=cache, use_cache=True, logits_to_keep=1
            )
            cache = out.past_key_values
            token = _drawn(out.logits[0, -1].float(), seen, sampling, chance)
            if token in self._ends:
                return
            yield token
            seen.append(token)
            new = torch.tensor([[token]], device=device)

    def words(self, tokens: Iterator[int]) -> Iterator[tuple[str, int]]:
        """Give each token's text; empty while a character is only half said.

        The second item is how many tokens were said so far. A token is decoded with
        those before it: alone it would lose the space in front of a word.
        """
        said: list[int] = []
        told, shown = 0, 0
        for token in tokens:
            said.append(token)
            before = self._text(said[told:shown])
            after = self._text(said[told:])
            if after.endswith(_HALF_A_CHARACTER) or len(after) <= len(before):
                yield "", len(said)
                continue
            told, shown = shown, len(said)
            yield after[len(before) :], len(said)

    def _text(self, tokens: Sequence[int]) -> str:
        return self._tokenizer.hf.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )


def _drawn(
    logits_V: Tensor, seen: Sequence[int], sampling: Sampling, chance: torch.Generator
) -> int:
    """Return the next token. Penalty, temperature, top-k and top-p act in this order,
    as in transformers' ``generate``.
    """
    if sampling.repetition_penalty != 1.0:
        used = torch.tensor(sorted(set(seen)), device=logits_V.device)
        score = logits_V[used]
        penalty = sampling.repetition_penalty
        logits_V[used] = torch.where(score < 0, score * penalty, score / penalty)
    if sampling.temperature <= 0.0:
        return int(logits_V.argmax())
    logits_V = logits_V / sampling.temperature
    if 0 < sampling.top_k < logits_V.shape[0]:
        smallest = logits_V.topk(sampling.top_k).values[-1]
        logits_V = logits_V.masked_fill(logits_V < smallest, -torch.inf)
    if sampling.top_p < 1.0:
        logits_V = _nucleus(logits_V, sampling.top_p)
    chances_V = torch.softmax(logits_V, dim=-1)
    if not torch.isfinite(chances_V).all():  # on CUDA multinomial would end the process
        raise WorkFailed(
            "chat.nan",
            "The model's answer is no longer made of finite numbers.",
            hint="Choose fp32 or, on a card that has it, bf16; an adapter that diverged"
            " speaks like this too.",
        )
    return int(torch.multinomial(chances_V, 1, generator=chance))


def _nucleus(logits_V: Tensor, top_p: float) -> Tensor:
    """Keep the likeliest tokens whose chances together reach `top_p`; one at least."""
    ordered_V, order_V = logits_V.sort(descending=True)
    chances_V = torch.softmax(ordered_V, dim=-1)
    already_V = chances_V.cumsum(dim=-1) - chances_V
    beyond_V = order_V[already_V >= top_p]
    return logits_V.index_fill(0, beyond_V, -torch.inf)


def _end_tokens(model: nn.Module, eos: int | None) -> frozenset[int]:
    config: Any = getattr(model, "generation_config", None)
    named = getattr(config, "eos_token_id", None)
    many = named if isinstance(named, list) else [named]
    return frozenset(int(token) for token in [*many, eos] if token is not None)
