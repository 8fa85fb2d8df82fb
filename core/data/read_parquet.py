"""Parquet, a few rows at a time; a row's “line” is its number, counted from 1."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, cast

from core.data.records import Item, Number, Record
from core.errors import DatasetError, Where

_BATCH_ROWS = 64


def read_parquet(path: Path) -> Iterator[Item]:
    """Give the rows of a Parquet file.

    Raises:
        DatasetError: It is damaged, or no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow_error = cast("type[Exception]", cast("Any", pa).ArrowException)

    try:
        with path.open("rb") as file:
            parquet: Any = cast("Any", pq).ParquetFile(file)
            number = 0
            for batch in parquet.iter_batches(batch_size=_BATCH_ROWS):
                for values in batch.to_pylist():
                    number += 1
                    yield Record(line=number, values=_plain_row(values))
    except (arrow_error, ValueError, OSError) as err:
        reason = (str(err).strip() or type(err).__name__).splitlines()[0].rstrip(".")
        raise DatasetError(
            "dataset.parquet",
            f"{path.name} cannot be read as Parquet: {reason}.",
            hint="It may be cut off or damaged. Save or download it again.",
            where=Where(file=str(path)),
        ) from err


def _plain_row(values: dict[str, Any]) -> dict[str, object]:
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> object:
    if isinstance(value, dict):
        return _plain_row(cast("dict[str, Any]", value))
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[Any]", value)]
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, (int, float)):
        return Number(value)
    if isinstance(value, (date, datetime, time, timedelta)):
        return str(value)
    return _Opaque(type(value).__name__)


class _Opaque:
    """A value no text can stand for: pictures, raw bytes."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
