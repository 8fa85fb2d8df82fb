"""One row exactly as the model sees it, token by token, with what is trained."""

from collections.abc import Iterator
from dataclasses import dataclass

from core.data.convert import SetAside
from core.data.encode import Marked, marked
from core.data.load import no_files, open_data
from core.data.rows import Chat, Row, RowProblem
from core.data.tokenizer import Tokenizer
from core.errors import DatasetError
from core.plan.plan import DataChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewToken:
    """One token; all texts in a row give the row's text."""

    text: str
    id: int
    trained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A row after the chat template."""

    row: int
    """Counted from 0 over the usable rows of all files."""
    rows: int
    line: int
    file: str
    text: str
    tokens: tuple[PreviewToken, ...]
    """Those within `seq_len`."""
    length: int
    """Tokens of the whole row, cut ones included."""
    truncated: bool


def preview(
    choice: DataChoice, tokenizer: Tokenizer, *, row: int, seq_len: int
) -> Preview:
    """Return the usable row number `row`, counted from 0.

    Raises:
        DatasetError: A file cannot be used, there is no such row, or the template
            refuses it.
    """
    wanted, rows = _find(choice, row)
    if wanted is None:
        raise DatasetError(
            "dataset.no_such_row",
            f"There is no row {row}; usable rows: {rows}, counted from 0.",
            hint=f"Choose a row up to {rows - 1}." if rows else "Choose other data.",
        )
    whole = marked(wanted, tokenizer, train_on=choice.train_on)
    tokens = tuple(_shown(whole, tokenizer, seq_len))
    return Preview(
        row=row,
        rows=rows,
        line=wanted.line,
        file=wanted.file,
        text=whole.text,
        tokens=tokens,
        length=len(whole.tokens),
        truncated=isinstance(wanted, Chat) and len(whole.tokens) > seq_len,
    )


def _find(choice: DataChoice, number: int) -> tuple[Row | None, int]:
    """Return the row of that number, and how many there are."""
    if not choice.files:
        raise no_files()
    wanted: Row | None = None
    count = 0
    for file in dict.fromkeys(choice.files):
        for row in open_data(file, choice).rows:
            if isinstance(row, (RowProblem, SetAside)):
                continue
            if count == number:
                wanted = row
            count += 1
    return wanted, count


def _shown(whole: Marked, tokenizer: Tokenizer, seq_len: int) -> Iterator[PreviewToken]:
    """Give each token with the characters it adds to the text.

    Several tokens may share one character (bytes of an emoji): the first shows it.
    """
    shown = 0
    for number, (token, trained) in enumerate(
        zip(whole.tokens[:seq_len], whole.trained, strict=False)
    ):
        text = whole.text[shown : max(shown, token.end)]
        if token.start == token.end:  # stands for no text: the end of an answer
            text = tokenizer.name_of(token.id)
        shown = max(shown, token.end)
        yield PreviewToken(text=text, id=token.id, trained=trained and number > 0)
