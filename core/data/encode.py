"""A row becomes token ids and a mask of those that carry loss.

The mask is found by text, not by token strings: each answer begins where the template,
asked to make the model answer, stops, and ends with the mark that ends its turn. So what
is trained is exactly what the model must say in a chat. Templates that write earlier
turns differently once later ones follow (Qwen3 drops their thoughts) are handled by
finding the answer's own words in the whole text.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from core.data.rows import Chat, EncodedRow, Message, Row, Text
from core.data.tokenizer import TemplateRefusedError, Token, Tokenizer
from core.errors import DatasetError, Where
from core.plan.plan import TrainOn

# ``<|im_end|>``, ``</s>``, ``<｜end▁of▁sentence｜>``; Nemotron puts a line feed before.
_END_MARK = re.compile(r"[ \n]?<[^<>\s]{1,40}>")

Span = tuple[int, int]
"""Where something begins and ends in a text, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A chat as the template writes it, and the turns in the form it accepted."""

    turns: tuple[Message, ...]
    tools: str
    """What the template was given; empty if it has no place for tools."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A row as tokens over its text, before any cut, and which of them carry loss."""

    text: str
    tokens: tuple[Token, ...]
    trained: tuple[bool, ...]

    def cut(self, at: int, seq_len: int, line: int) -> EncodedRow:
        """Return the `seq_len` tokens from `at` on."""
        trained = [*self.trained[at : at + seq_len]]
        trained[:1] = [False] * len(trained[:1])  # nothing before it to predict it from
        return EncodedRow(
            ids=tuple(token.id for token in self.tokens[at : at + seq_len]),
            trained=tuple(trained),
            truncated=len(self.tokens) > seq_len,
            line=line,
        )


def encode(
    row: Row, tokenizer: Tokenizer, *, seq_len: int, train_on: TrainOn
) -> EncodedRow:
    """Return `row` as the model sees it; what is beyond `seq_len` tokens is cut off.

    The result may carry no loss at all when the cut takes the whole answer; such rows
    teach nothing. Plain text is better given to `pieces`, which cuts nothing away.

    Raises:
        DatasetError: The template refuses the row (code ``dataset.template_refused``)
            or hides its answer (``dataset.template_lost_answer``).
    """
    return marked(row, tokenizer, train_on=train_on).cut(0, seq_len, row.line)


def pieces(
    row: Row, tokenizer: Tokenizer, *, seq_len: int, train_on: TrainOn
) -> tuple[EncodedRow, ...]:
    """Return `row` as one encoded chat, or as text cut into pieces of `seq_len` tokens.

    Raises:
        DatasetError: As `encode`.
    """
    return pieces_of(marked(row, tokenizer, train_on=train_on), row, seq_len=seq_len)


def pieces_of(whole: Marked, row: Row, *, seq_len: int) -> tuple[EncodedRow, ...]:
    """Return what `pieces` does, of a row whose tokens are known already."""
    if isinstance(row, Chat):
        return (whole.cut(0, seq_len, row.line),)
    cut = [
        whole.cut(at, seq_len, row.line) for at in range(0, len(whole.tokens), seq_len)
    ]
    # Nothing is lost by cutting text; and a single token predicts nothing.
    return tuple(replace(part, truncated=False) for part in cut if len(part.ids) > 1)


def marked(row: Row, tokenizer: Tokenizer, *, train_on: TrainOn) -> Marked:
    """Return all tokens of `row` and which carry loss.

    Raises:
        DatasetError: As `encode`.
    """
    if isinstance(row, Text):
        return _marked_text(row, tokenizer)
    whole = rendered(row, tokenizer)
    tokens = list(tokenizer.tokens(whole.text))
    if train_on == "everything":
        trained = [True] * len(tokens)
        return Marked(text=whole.text, tokens=tuple(tokens), trained=tuple(trained))
    trained = _inside(tokens, answer_spans(row, whole, tokenizer))
    end = _answer_end(trained)
    if (
        end
        and tokenizer.eos is not None
        and not tokenizer.is_special(tokens[end - 1].id)
    ):
        # The template never ends an answer; without an end the model would not stop.
        place = tokens[end - 1].end
        tokens[end:] = [Token(tokenizer.eos, place, place)]
        trained[end:] = [True]
    return Marked(text=whole.text, tokens=tuple(tokens), trained=tuple(trained))


def _marked_text(row: Text, tokenizer: Tokenizer) -> Marked:
    end = len(row.text)
    before = [] if tokenizer.bos is None else [Token(tokenizer.bos, 0, 0)]
    after = [] if tokenizer.eos is None else [Token(tokenizer.eos, end, end)]
    tokens = (*before, *tokenizer.tokens(row.text), *after)
    return Marked(text=row.text, tokens=tokens, trained=(True,) * len(tokens))


def _answer_end(trained: Sequence[bool]) -> int:
    """Return the place after the last trained token; 0 if there is none."""
    return next((at for at in range(len(trained), 0, -1) if trained[at - 1]), 0)


def _inside(tokens: Sequence[Token], spans: Sequence[Span]) -> list[bool]:
    """Return which tokens hold a character of a span. Both in order; one pass."""
    trained: list[bool] = []
    at = 0
    for token in tokens:
        while at < len(spans) and token.start >= spans[at][1]:
            at += 1
        trained.append(at < len(spans) and token.end > spans[at][0])
    return trained


def rendered(row: Chat, tokenizer: Tokenizer) -> Rendered:
    """Return the whole text of a chat by the model's own template.

    Templates without a system or tool role refuse such turns; the words then go into
    the user's turn, as the makers of those models advise.

    Raises:
        DatasetError: The template takes the turns in no form.
    """
    refusal = ""
    for turns, tools in _forms(row, tokenizer):
        try:
            text = tokenizer.render(turns, tools=tools, add_generation_prompt=False)
        except TemplateRefusedError as err:
            refusal = refusal or str(err)
            continue
        return Rendered(turns=turns, tools=tools, text=text)
    raise DatasetError(
        "dataset.template_refused",
        f"The model's chat template refuses the row: {refusal}",
        hint="Leave the row out, or choose another model.",
        where=Where(file=row.file, line=row.line),
    )


def _forms(
    row: Chat, tokenizer: Tokenizer
) -> Iterator[tuple[tuple[Message, ...], str]]:
    """Give the row's turns and tools, as they are first, then in ever plainer forms."""
    turns = row.messages
    if tokenizer.renders_tools:
        yield turns, row.tools
        yield _without_system(turns), row.tools
        yield _plain(turns), row.tools
    if row.tools:
        turns = _with_tools_said(turns, row.tools)
    yield turns, ""
    yield _without_system(turns), ""
    yield _plain(turns), ""


def _with_tools_said(turns: tuple[Message, ...], tools: str) -> tuple[Message, ...]:
    said = f"You can call these tools:\n{tools}"
    first, *rest = turns
    if first.role == "system":
        return (Message(role="system", content=f"{first.content}\n\n{said}"), *rest)
    return (Message(role="system", content=said), *turns)


def _without_system(turns: tuple[Message, ...]) -> tuple[Message, ...]:
    first, *rest = turns
    if first.role != "system":
        return turns
    if rest and rest[0].role == "user":
        both = f"{first.content}\n\n{rest[0].content}"
        return (Message(role="user", content=both), *rest[1:])
    return (Message(role="user", content=first.content), *rest)


def _plain(turns: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return the turns with users and assistants alone."""
    return tuple(
        Message(role="user", content=turn.content) if turn.role == "tool" else turn
        for turn in _without_system(turns)
    )


def answer_spans(row: Chat, whole: Rendered, tokenizer: Tokenizer) -> list[Span]:
    """Return where the answers stand in the text, each with the mark that ends it.

    Raises:
        DatasetError: The template leaves an answer out or rewrites it.
    """
    spans: list[Span] = []
    at = 0
    for number, turn in enumerate(whole.turns):
        words = turn.content.strip()
        if turn.role != "assistant":
            # Past these words, so that an answer is not looked for in its question.
            place = whole.text.find(words, at)
            at = place + len(words) if place >= 0 else at
            continue
        span = _span_by_prefix(whole, number, tokenizer)
        if span is None or span[0] < at:
            span = _span_by_words(words, whole.text, at)
        if span is None:
            raise DatasetError(
                "dataset.template_lost_answer",
                f"The model's chat template leaves out or rewrites turn {number + 1}.",
                hint="Train on everything, or leave the row out.",
                where=Where(file=row.file, line=row.line),
            )
        spans.append(span)
        at = span[1]
    return spans


def _span_by_prefix(whole: Rendered, number: int, tokenizer: Tokenizer) -> Span | None:
    """Return the span between “now answer” and the end of that turn, if both agree."""
    before, after = whole.turns[:number], whole.turns[: number + 1]
    tools = whole.tools
    try:
        asked = tokenizer.render(before, tools=tools, add_generation_prompt=True)
        answered = (
            tokenizer.render(after, tools=tools, add_generation_prompt=False)
            if len(after) < len(whole.turns)
            else whole.text
        )
    except TemplateRefusedError:
        return None
    if not (whole.text.startswith(answered) and answered.startswith(asked)):
        return None
    # The line feed after the end mark is the template's, not the model's to say.
    end = len(asked) + len(answered[len(asked) :].rstrip())
    return (len(asked), end) if end > len(asked) else None


def _span_by_words(words: str, text: str, at: int) -> Span | None:
    """Return the place of the answer's own words, with the mark right behind them."""
    start = text.find(words, at)
    if start < 0:
        return None
    end = start + len(words)
    mark = _END_MARK.match(text, end)
    return start, mark.end() if mark else end
