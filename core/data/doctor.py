"""The dataset doctor: what files hold, what is wrong, how long the rows are.

Rows are looked at one by one and let go, so that a file of any size is examined in
little memory; what stays of a row is three fingerprints and a length.
"""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from core.data.convert import SetAside
from core.data.encode import marked, pieces_of
from core.data.examples import without_loss
from core.data.lengths import Histogram, TokenFigures, figures, histogram, keeps
from core.data.load import OpenData, format_name, no_files, open_data
from core.data.rows import Chat, Row, RowProblem
from core.data.split import held_out
from core.data.tokenizer import Tokenizer
from core.data.twins import Marks, Twin, exact_copies, leaks, repeats
from core.errors import DatasetError
from core.plan.plan import DataChoice

Tell = Callable[[int, int], None]
"""Bytes read, bytes in all."""

_MOST_LISTED = 1000
_TELL_SHARE = 100
"""Progress is told about once for each hundredth of the bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the doctor found; keys as in interfaces.md."""

    format: str
    rows: int
    """All rows of the files."""
    usable: int
    """Rows that are learnt from or held out."""
    bad_rows: int
    """Rows that stop a run unless the person agrees to skip them."""
    set_aside: int
    """Rows marked as answers not to learn from."""
    problems: tuple[RowProblem, ...]
    """At most 1,000, in order; `problem_count` has their number."""
    problem_count: int
    columns: tuple[str, ...]
    mapped: dict[str, str]
    notes: tuple[str, ...]
    train_rows: int
    eval_rows: int
    duplicates: int
    """Rows that repeat an earlier one to the letter."""
    near_duplicates: int
    """Rows that repeat an earlier one but for case and blanks; includes the exact."""
    duplicate_rows: tuple[Twin, ...]
    leaks: int
    """Held-out rows whose question is also trained on, and rows of a later file whose
    question stands in an earlier file."""
    leak_rows: tuple[Twin, ...]
    tokens: TokenFigures | None
    """None without a model: characters are not tokens."""
    histogram: Histogram | None
    truncated: int | None
    keeps_99: int | None
    """The `seq_len` that keeps 99 % of the chats whole."""


def check(
    choice: DataChoice,
    *,
    tokenizer: Tokenizer | None = None,
    seq_len: int = 1024,
    seed: int = 42,
    tell: Tell | None = None,
) -> Report:
    """Return the report on the files of `choice`.

    Args:
        choice: Files, format, mapping, held-out share, what is trained.
        tokenizer: The model's; without it nothing is said about tokens.
        seq_len: Where rows would be cut.
        seed: Decides which rows are held out.
        tell: Hears how much is read.

    Raises:
        DatasetError: A file as a whole cannot be used.
    """
    if not choice.files:
        raise no_files()
    visit = _Visit(choice, tokenizer, seq_len, tell)
    for number, file in enumerate(dict.fromkeys(choice.files)):
        visit.read(number, file)
    return visit.report(seed)


class _Visit:
    """One walk through the files."""

    def __init__(
        self,
        choice: DataChoice,
        tokenizer: Tokenizer | None,
        seq_len: int,
        tell: Tell | None,
    ) -> None:
        self._choice = choice
        self._tokenizer = tokenizer
        self._seq_len = seq_len
        self._tell = tell
        self._files = tuple(dict.fromkeys(choice.files))
        self._opened: list[OpenData] = []
        self._marks = Marks()
        self._lengths = array("Q")
        self._chat_lengths = array("Q")
        self._truncated = 0
        self._problems: list[RowProblem] = []
        self._problem_count = self._dropped = self._set_aside = 0
        self._passed_bytes = self._told_bytes = self._total_bytes = 0

    def read(self, number: int, file: str) -> None:
        data = open_data(file, self._choice)
        self._opened.append(data)
        if not self._total_bytes:
            self._total_bytes = sum(_size(name) for name in self._files)
        for row in data.rows:
            if isinstance(row, RowProblem):
                self._add_problem(row)
            elif isinstance(row, SetAside):
                self._set_aside += 1
            else:
                self._add_row(number, row)
            self._advance(self._passed_bytes + data.meter.read_bytes)
        self._passed_bytes += _size(file)
        self._advance(self._passed_bytes)

    def _advance(self, done: int) -> None:
        whole = self._total_bytes
        if self._tell and (done - self._told_bytes) * _TELL_SHARE >= whole:
            self._told_bytes = done
            self._tell(min(done, whole), whole)

    def _add_problem(self, problem: RowProblem) -> None:
        self._problem_count += 1
        if len(self._problems) < _MOST_LISTED:
            self._problems.append(problem)

    def _add_row(self, number: int, row: Row) -> None:
        usable = self._tokenizer is None or self._measure(row, self._tokenizer)
        self._marks.add(row, file=number, is_usable=usable)

    def _measure(self, row: Row, tokenizer: Tokenizer) -> bool:
        """Note the row's length; False if nothing of it can be learnt."""
        try:
            whole = marked(row, tokenizer, train_on=self._choice.train_on)
        except DatasetError as err:
            problem = RowProblem(
                line=row.line, code=err.code, message=err.message, file=row.file
            )
            self._add_problem(problem)
            return False
        parts = pieces_of(whole, row, seq_len=self._seq_len)
        self._lengths.append(len(whole.tokens))
        if isinstance(row, Chat):
            self._chat_lengths.append(len(whole.tokens))
        self._truncated += any(part.truncated for part in parts)
        if any(any(part.trained) for part in parts):
            return True
        self._add_problem(without_loss(row, self._seq_len))
        self._dropped += 1
        return False

    def report(self, seed: int) -> Report:
        """Return the report on all that was read."""
        held = held_out(self._marks.near, self._choice.eval_fraction, seed)
        usable = self._marks.usable
        twins = repeats(self._marks, self._files)
        leaked = leaks(self._marks, held, self._files)
        measured = self._tokenizer is not None
        faulty = self._problem_count - usable.count(0)
        return Report(
            format=format_name([data.layout for data in self._opened]),
            rows=len(self._marks) + faulty + self._set_aside,
            usable=usable.count(1),
            bad_rows=self._problem_count - self._dropped,
            set_aside=self._set_aside,
            problems=tuple(self._problems),
            problem_count=self._problem_count,
            columns=_together(data.columns for data in self._opened),
            mapped=dict(self._opened[0].layout.columns),
            notes=_together(data.notes for data in self._opened),
            train_rows=usable.count(1) - sum(usable[place] for place in held),
            eval_rows=sum(usable[place] for place in held),
            duplicates=exact_copies(self._marks),
            near_duplicates=len(twins),
            duplicate_rows=tuple(twins[:_MOST_LISTED]),
            leaks=len(leaked),
            leak_rows=tuple(leaked[:_MOST_LISTED]),
            tokens=figures(self._lengths) if measured else None,
            histogram=histogram(self._lengths) if measured else None,
            truncated=self._truncated if measured else None,
            keeps_99=keeps(self._chat_lengths, 0.99),
        )


def _together(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Return all names once, in order of first appearance."""
    return tuple(dict.fromkeys(name for part in parts for name in part))


def _size(file: str) -> int:
    try:
        return Path(file).stat().st_size
    except OSError:  # said in words when it is this file's turn to be read
        return 0
