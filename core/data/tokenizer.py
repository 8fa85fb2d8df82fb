"""What encoding needs of a tokenizer; the engine adapts a real one, tests a byte one."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from core.data.rows import Message


class Token(NamedTuple):
    """One token and the characters of the text it stands for, ``text[start:end]``."""

    id: int
    start: int
    end: int


class TemplateRefusedError(Exception):
    """The chat template will not render these turns; the message is its own words."""


class Tokenizer(Protocol):
    """A chat template and a vocabulary."""

    @property
    def bos(self) -> int | None:
        """The token put before plain text, if this model wants one."""
        ...

    @property
    def eos(self) -> int | None:
        """The token that ends plain text, and an answer whose template has no end."""
        ...

    @property
    def renders_tools(self) -> bool:
        """Whether the template has a place for tool definitions."""
        ...

    def render(
        self, messages: Sequence[Message], *, tools: str, add_generation_prompt: bool
    ) -> str:
        """Return the text the model sees for these turns.

        Args:
            messages: The turns so far.
            tools: Tool definitions as JSON; empty if none.
            add_generation_prompt: End with what makes the model answer.

        Raises:
            TemplateRefusedError: The template does not take such turns.
        """
        ...

    def tokens(self, text: str) -> Sequence[Token]:
        """Return the tokens of `text`; nothing is added before or after."""
        ...

    def is_special(self, token: int) -> bool:
        """Return whether `token` is a mark of the template rather than text."""
        ...

    def name_of(self, token: int) -> str:
        """Return the token as people write it: ``<|im_end|>``."""
        ...
