"""Open a data file by what it holds and what its name says."""

from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import IO, cast

from core.data.encoding import Encoding, encoding_of
from core.data.read_json import read_json
from core.data.read_parquet import read_parquet
from core.data.read_prose import read_prose
from core.data.read_table import read_table
from core.data.records import Item, Meter, Source
from core.errors import DatasetError, Where

_JSON = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_PROSE = {".txt", ".text", ".md", ".markdown"}


def open_source(path: Path) -> Source:
    """Return the records of `path`, read as they are asked for.

    The name is taken literally, never as a pattern.

    Raises:
        DatasetError: There is no such file, or it is empty or no text. Iterating may
            raise it too, where the fault lies deeper in the file.
    """
    try:
        return _opened(path)
    except OSError as err:
        raise unreadable(path, err) from err
    except ValueError as err:  # a zero character in the name
        raise _missing(path) from err


def _opened(path: Path) -> Source:
    if path.is_dir():
        raise DatasetError(
            "dataset.folder",
            f"{path} is a folder.",
            hint="Choose the file in it that holds the rows.",
            where=Where(file=str(path)),
        )
    if not path.exists():
        raise _missing(path)
    with path.open("rb") as file:
        start = file.read(4)
    if start == b"PAR1":
        return Source(items=read_parquet(path))
    if path.suffix.lower() == ".parquet" and start:
        raise DatasetError(
            "dataset.parquet",
            f"{path.name} is named Parquet but is none.",
            hint="It may be cut off, or a Git LFS pointer. Download it again.",
            where=Where(file=str(path)),
        )
    encoding = encoding_of(path)
    kind = _kind(path, encoding)
    notes = (encoding.note,) if encoding.note else ()
    meter = Meter()
    items = _items(path, kind, encoding, meter)
    return Source(items=items, notes=notes, meter=meter)


def _kind(path: Path, encoding: Encoding) -> str:
    suffix = path.suffix.lower()
    if suffix in _JSON:
        return _JSON[suffix]
    if suffix in {".csv", ".tsv", ".tab"}:
        return "csv" if suffix == ".csv" else "tsv"
    if suffix in _PROSE:
        return "markdown" if suffix in {".md", ".markdown"} else "text"
    with encoding.open(path) as file:
        start = file.read(1 << 12).lstrip("\ufeff \t\r\n")
    return "json" if start[:1] in {"{", "["} else "text"


def _items(path: Path, kind: str, encoding: Encoding, meter: Meter) -> Iterator[Item]:
    try:
        with encoding.open(path) as file:
            for item in _reader(file, kind):
                meter.read_bytes = cast("BufferedReader", file.buffer).tell()
                yield item
    except UnicodeError as err:
        raise DatasetError(
            "dataset.encoding",
            f"{path.name} is not valid {encoding.name} text.",
            hint="Open it in an editor and save it as UTF-8.",
            where=Where(file=str(path)),
        ) from err
    except OSError as err:
        raise unreadable(path, err) from err


def _reader(file: IO[str], kind: str) -> Iterator[Item]:
    if kind in {"json", "jsonl"}:
        return read_json(file, by_lines=kind == "jsonl")
    if kind in {"csv", "tsv"}:
        return read_table(file, tabs=kind == "tsv")
    return read_prose(file, markdown=kind == "markdown")


def _missing(path: Path) -> DatasetError:
    return DatasetError(
        "dataset.missing",
        f"{path} is not there.",
        hint="Check the path, or pick the file again.",
        where=Where(file=str(path)),
    )


def unreadable(path: Path, err: OSError) -> DatasetError:
    """Return the error for a file the system would not let us read."""
    return DatasetError(
        "dataset.unreadable",
        f"{path} cannot be read: {err.strerror or err}.",
        hint="Check that the file is there, short enough in name, and yours to read.",
        where=Where(file=str(path)),
    )
