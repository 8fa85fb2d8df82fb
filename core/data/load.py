"""Data files become rows to learn from, in order, with every fault named."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from core.data.convert import SetAside, convert
from core.data.layout import Layout, columns_of, layout_of
from core.data.read import open_source
from core.data.records import BadRecord, Item, Meter, Record
from core.data.rows import LoadedData, Row, RowProblem
from core.errors import DatasetError, Where
from core.plan.plan import DataChoice

_LOOK_AT_RECORDS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenData:
    """One file, recognised, its rows still to be read."""

    layout: Layout
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    rows: Iterator[Row | RowProblem | SetAside]
    meter: Meter


def open_data(file: str, choice: DataChoice) -> OpenData:
    """Recognise one file of `choice` and return its rows, read as they are asked for.

    Raises:
        DatasetError: The file is missing, unreadable, empty, no text, or of a format
            nobody knows. Iterating may raise it too.
    """
    source = open_source(Path(file))
    looked = list(islice(source.items, _LOOK_AT_RECORDS))
    records = [item for item in looked if isinstance(item, Record)]
    while looked and not records:  # a bad beginning; look on for the first good row
        more = list(islice(source.items, _LOOK_AT_RECORDS))
        looked += more
        records = [item for item in more if isinstance(item, Record)]
        if not more:
            break
    if not records:
        raise _no_rows(file, looked)
    layout = layout_of(records, format=choice.format, mapping=choice.columns, file=file)
    items = chain(looked, source.items)
    return OpenData(
        layout=layout,
        columns=columns_of(records),
        notes=(*source.notes, *layout.notes),
        rows=(_row(item, layout, file) for item in items),
        meter=source.meter,
    )


def _row(item: Item, layout: Layout, file: str) -> Row | RowProblem | SetAside:
    if isinstance(item, BadRecord):
        line, code, message = item.line, item.code, item.message
        return RowProblem(line=line, code=code, message=message, file=file)
    return convert(item, layout, file)


def _no_rows(file: str, looked: list[Item]) -> DatasetError:
    name = Path(file).name
    bad = next((item for item in looked if isinstance(item, BadRecord)), None)
    if bad is None:
        return DatasetError(
            "dataset.empty",
            f"{name} holds no rows.",
            hint="Choose a file that has rows in it.",
            where=Where(file=file),
        )
    return DatasetError(
        "dataset.unreadable_rows",
        f"No row of {name} can be read. Line {bad.line}: {bad.message}",
        hint="Check that the file is what its name says, then choose it again.",
        where=Where(file=file, line=bad.line),
    )


def load(choice: DataChoice) -> LoadedData:
    """Return all rows of the files of `choice`, and the problems of those that are bad.

    Whether bad rows may be skipped is asked by `accepted_rows`.

    Raises:
        DatasetError: A file as a whole cannot be used, or none is named.
    """
    if not choice.files:
        raise no_files()
    rows: list[Row] = []
    problems: list[RowProblem] = []
    opened: list[OpenData] = []
    set_aside = 0
    for file in dict.fromkeys(choice.files):
        data = open_data(file, choice)
        opened.append(data)
        for row in data.rows:
            if isinstance(row, RowProblem):
                problems.append(row)
            elif isinstance(row, SetAside):
                set_aside += 1
            else:
                rows.append(row)
    return LoadedData(
        format=format_name([data.layout for data in opened]),
        rows=tuple(rows),
        problems=tuple(problems),
        columns=tuple(dict.fromkeys(chain(*(data.columns for data in opened)))),
        mapped=dict(opened[0].layout.columns),
        notes=tuple(dict.fromkeys(chain(*(data.notes for data in opened)))),
        set_aside=set_aside,
    )


def no_files() -> DatasetError:
    """Return the error for a choice without files."""
    return DatasetError(
        "dataset.none", "No data file is chosen.", hint="Choose at least one file."
    )


def format_name(layouts: list[Layout]) -> str:
    """Return the one format of `layouts`, or all of them joined."""
    return " + ".join(dict.fromkeys(layout.format for layout in layouts))


def accepted_rows(data: LoadedData, choice: DataChoice) -> tuple[Row, ...]:
    """Return the rows to learn from, bad ones left out if the person agreed to that.

    Raises:
        DatasetError: There are bad rows and nobody agreed; or no row is usable.
    """
    first = data.problems[0] if data.problems else None
    _require(len(data.rows), first, len(data.problems), choice)
    return data.rows


def count_accepted_rows(choice: DataChoice) -> int:
    """Return how many rows there are to learn from, keeping none of them.

    Raises:
        DatasetError: As `load` and `accepted_rows`.
    """
    if not choice.files:
        raise no_files()
    usable = bad = 0
    first: RowProblem | None = None
    for file in dict.fromkeys(choice.files):
        for row in open_data(file, choice).rows:
            if isinstance(row, RowProblem):
                first = first or row
                bad += 1
            elif not isinstance(row, SetAside):
                usable += 1
    _require(usable, first, bad, choice)
    return usable


def _require(
    usable: int, first: RowProblem | None, bad: int, choice: DataChoice
) -> None:
    if first is not None and choice.on_bad_row == "stop":
        raise bad_rows(first, bad)
    if not usable:
        said = f"Line {first.line}: {first.message}" if first else ""
        raise DatasetError(
            "dataset.no_usable_rows",
            "Not one row can be learnt from.",
            hint=said or "Choose other data.",
        )


def bad_rows(first: RowProblem, count: int) -> DatasetError:
    """Return the error that names the first of `count` bad rows."""
    others = count - 1
    rows = "row has" if others == 1 else "rows have"
    more = f" {others} more {rows} problems." if others else ""
    return DatasetError(
        "dataset.row_invalid",
        f"Line {first.line} of {Path(first.file).name}: {first.message}{more}",
        hint="Correct the file, or leave such rows out with on_bad_row = skip.",
        where=Where(file=first.file, line=first.line),
    )
