"""A tokenizer of bytes with ChatML marks: small, exact, and no stranger's code."""

from collections.abc import Callable, Sequence

from core.data.rows import Message
from core.data.tokenizer import TemplateRefusedError, Token

START, END = "<|im_start|>", "<|im_end|>"
_MARKS = {START: 256, END: 257}

Template = Callable[[Sequence[Message], bool], str]


def chatml(messages: Sequence[Message], ask: bool) -> str:
    turns = "".join(f"{START}{m.role}\n{m.content}{END}\n" for m in messages)
    return turns + (f"{START}assistant\n" if ask else "")


def without_end(messages: Sequence[Message], ask: bool) -> str:
    """A template that never says where an answer ends."""
    turns = "".join(f"{m.role}: {m.content}\n\n" for m in messages)
    return turns + ("assistant: " if ask else "")


def forgetful(messages: Sequence[Message], ask: bool) -> str:
    """Like Qwen3: thoughts are dropped from every answer but the last."""
    last = len(messages) - 1
    turns = [
        Message(role=m.role, content=m.content.rpartition("</think>")[2])
        if m.role == "assistant" and number < last
        else m
        for number, m in enumerate(messages)
    ]
    return chatml(turns, ask)


def no_system(messages: Sequence[Message], ask: bool) -> str:
    if any(m.role == "system" for m in messages):
        raise TemplateRefusedError("System role not supported")
    return chatml(messages, ask)


def refuses_all(messages: Sequence[Message], ask: bool) -> str:
    raise TemplateRefusedError("never")


def mute(messages: Sequence[Message], ask: bool) -> str:
    """A template that leaves answers out."""
    return chatml([m for m in messages if m.role != "assistant"], ask)


def closing(messages: Sequence[Message], ask: bool) -> str:
    """Like Phi-4: one more mark closes the whole text, not each answer."""
    return chatml(messages, ask) + ("" if ask else "</all>")


def thinking(messages: Sequence[Message], ask: bool) -> str:
    """Like DeepSeek R1: asked to answer, it begins a thought the chats do not have."""
    return chatml(messages, ask) + ("<think>\n" if ask else "")


class ByteTokenizer:
    """One token a byte; the two marks are one token each."""

    def __init__(self, template: Template = chatml, *, bos: int | None = None) -> None:
        self._template = template
        self.bos = bos
        self.eos: int | None = _MARKS[END]
        self.renders_tools = False

    def render(
        self, messages: Sequence[Message], *, tools: str, add_generation_prompt: bool
    ) -> str:
        return self._template(messages, add_generation_prompt)

    def tokens(self, text: str) -> list[Token]:
        found: list[Token] = []
        at = 0
        while at < len(text):
            mark = next((m for m in _MARKS if text.startswith(m, at)), "")
            if mark:
                found.append(Token(_MARKS[mark], at, at + len(mark)))
                at += len(mark)
                continue
            found += [Token(byte, at, at + 1) for byte in text[at].encode()]
            at += 1
        return found

    def is_special(self, token: int) -> bool:
        return token >= 256

    def name_of(self, token: int) -> str:
        names = {number: mark for mark, number in _MARKS.items()}
        return names.get(token, chr(token))


def trained_text(
    tokenizer: ByteTokenizer, ids: Sequence[int], trained: Sequence[bool]
) -> str:
    """Return the trained tokens as text, “|” where untrained ones lie between."""
    text, gap = "", False
    for number, is_trained in zip(ids, trained, strict=True):
        if is_trained:
            text += ("|" if gap and text else "") + tokenizer.name_of(number)
        gap = not is_trained
    return text
