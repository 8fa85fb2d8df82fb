"""From the plan's files to the encoded rows of a run: one call, the same every time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.data.encode import pieces
from core.data.load import accepted_rows, bad_rows, load
from core.data.rows import Chat, EncodedRow, LoadedData, Row, RowProblem
from core.data.split import split
from core.data.tokenizer import Tokenizer
from core.errors import DatasetError
from core.plan.plan import DataChoice

Tell = Callable[[int, int], None]
"""Rows done, rows in all."""

_TELL_EVERY_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """What a run learns from and what it is measured on."""

    train: tuple[EncodedRow, ...]
    held_out: tuple[EncodedRow, ...]
    held_out_chats: tuple[Chat, ...]
    """The held-out rows in words, for samples as training goes."""
    dropped: tuple[RowProblem, ...]
    """Rows that carry no loss at this length; left out, to be told to the person."""
    truncated: int
    """Encoded rows that were cut at `seq_len`."""
    data: LoadedData


def examples(
    choice: DataChoice,
    tokenizer: Tokenizer,
    *,
    seq_len: int,
    seed: int,
    tell: Tell | None = None,
) -> Examples:
    """Return the encoded rows of `choice`; a pure function of files and arguments.

    Args:
        choice: What to read, and how.
        tokenizer: The model's.
        seq_len: Longest row in tokens; longer chats are cut, longer texts split.
        seed: Decides which rows are held out.
        tell: Hears how far it is.

    Raises:
        DatasetError: A file cannot be used, rows are bad and nobody agreed to skip
            them, or nothing is left to learn.
    """
    data = load(choice)
    rows = accepted_rows(data, choice)
    training, held = split(rows, choice.eval_fraction, seed)
    encoder = _Encoder(choice, tokenizer, seq_len, len(rows), tell)
    train = encoder.encoded(training)
    held_out = encoder.encoded(held)
    if encoder.refused and choice.on_bad_row == "stop":
        raise bad_rows(encoder.refused[0], len(encoder.refused))
    dropped = (*encoder.refused, *encoder.dropped)
    if not train:
        raise nothing_left(dropped, seq_len)
    return Examples(
        train=tuple(train),
        held_out=tuple(held_out),
        held_out_chats=tuple(row for row in held if isinstance(row, Chat)),
        dropped=dropped,
        truncated=sum(row.truncated for row in (*train, *held_out)),
        data=data,
    )


class _Encoder:
    def __init__(
        self,
        choice: DataChoice,
        tokenizer: Tokenizer,
        seq_len: int,
        total: int,
        tell: Tell | None,
    ) -> None:
        self._choice = choice
        self._tokenizer = tokenizer
        self._seq_len = seq_len
        self._total = total
        self._tell = tell
        self._done = 0
        self.refused: list[RowProblem] = []
        self.dropped: list[RowProblem] = []

    def encoded(self, rows: Sequence[Row]) -> list[EncodedRow]:
        found: list[EncodedRow] = []
        for row in rows:
            found += self._of_row(row)
            self._done += 1
            if self._tell and self._done % _TELL_EVERY_ROWS == 0:
                self._tell(self._done, self._total)
        if self._tell:
            self._tell(self._done, self._total)
        return found

    def _of_row(self, row: Row) -> list[EncodedRow]:
        try:
            parts = pieces(
                row,
                self._tokenizer,
                seq_len=self._seq_len,
                train_on=self._choice.train_on,
            )
        except DatasetError as err:
            self.refused.append(
                RowProblem(
                    line=row.line, code=err.code, message=err.message, file=row.file
                )
            )
            return []
        kept = [part for part in parts if any(part.trained)]
        if not kept:
            self.dropped.append(without_loss(row, self._seq_len))
        return kept


def without_loss(row: Row, seq_len: int) -> RowProblem:
    """Return the problem of a row that has nothing to learn within `seq_len` tokens."""
    message = (
        f"The question alone fills {seq_len} tokens; the whole answer is cut off."
        if isinstance(row, Chat)
        else "The text is too short to learn from."
    )
    return RowProblem(
        line=row.line, code="dataset.answer_cut", message=message, file=row.file
    )


def nothing_left(dropped: Sequence[RowProblem], seq_len: int) -> DatasetError:
    """Return the error for data of which no row carries loss."""
    first = f" Line {dropped[0].line}: {dropped[0].message}" if dropped else ""
    return DatasetError(
        "dataset.no_usable_rows",
        f"Nothing is left to learn from at {seq_len} tokens a row.{first}",
        hint="Raise seq_len, or choose other data.",
    )
