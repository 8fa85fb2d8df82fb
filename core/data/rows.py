"""What a data file holds once it is read: chats and texts, each with its line."""

from dataclasses import dataclass, field
from typing import Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a chat."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A conversation to learn from; at least one assistant turn."""

    messages: tuple[Message, ...]
    line: int
    """1-based line of the file the row begins on (row number for Parquet)."""
    file: str = ""
    tools: str = ""
    """Tool definitions as JSON, empty if none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Plain text; every token is learnt."""

    text: str
    line: int
    file: str = ""


Row = Chat | Text


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """A row that cannot be used, named by its line."""

    line: int
    code: str
    message: str
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRow:
    """A row as the model sees it: token ids and which of them carry loss."""

    ids: tuple[int, ...]
    trained: tuple[bool, ...]
    """Same length as `ids`. The first token never carries loss."""
    truncated: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedData:
    """Everything a file gave: usable rows and the rows that are not."""

    format: str
    rows: tuple[Row, ...]
    problems: tuple[RowProblem, ...] = ()
    columns: tuple[str, ...] = ()
    """Column names found, for mapping by hand."""
    mapped: dict[str, str] = field(default_factory=dict[str, str])
    """Role to column, as used."""
    notes: tuple[str, ...] = ()
    """What was assumed, in sentences: a guessed encoding, how pairs are used."""
    set_aside: int = 0
    """Rows marked as answers not to learn from (a false `label`); no fault of theirs."""

    @property
    def total(self) -> int:
        """All rows of the files, usable or not."""
        return len(self.rows) + len(self.problems) + self.set_aside
