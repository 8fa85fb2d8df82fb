"""What the dataset doctor and the preview answer, read from their JSON with care."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, cast


@dataclass(frozen=True, slots=True, kw_only=True)
class LineProblem:
    """One thing wrong in a file, by its line."""

    line: int | None
    code: str
    message: str
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFigures:
    """How long the rows are, in tokens."""

    p50: int
    p90: int
    p99: int
    longest: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """A histogram: ``counts[i]`` rows lie from ``edges[i]`` to ``edges[i + 1]``."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """The doctor's report on the chosen files."""

    format: str
    rows: int
    usable: int
    """Rows that are learnt from or held out."""
    bad_rows: int = 0
    """Rows that stop a run unless the person agrees to leave them out."""
    set_aside: int = 0
    """Rows marked as answers not to learn from."""
    problems: tuple[LineProblem, ...] = ()
    problem_count: int = 0
    """All of them; `problems` lists the first."""
    columns: tuple[str, ...] = ()
    mapped: Mapping[str, str] = field(default_factory=dict[str, str])
    tokens: TokenFigures | None = None
    bars: Bars | None = None
    truncated: int = 0
    keeps_99: int | None = None
    """The sequence length that keeps 99 % of the rows whole."""
    duplicates: int = 0
    """Rows that repeat an earlier one to the letter."""
    near_duplicates: int = 0
    """Rows that repeat an earlier one but for case and blanks; with the exact ones."""
    leaks: int = 0
    twins: tuple[LineProblem, ...] = ()
    """Where duplicates and leaks stand, in words."""
    train_rows: int | None = None
    eval_rows: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewToken:
    """One token of a row and whether it is learnt."""

    text: str
    is_trained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A row exactly as the model sees it."""

    row: int
    rows: int
    tokens: tuple[PreviewToken, ...]

    @property
    def trained_count(self) -> int:
        """How many tokens carry loss."""
        return sum(token.is_trained for token in self.tokens)


def report_from(found: Mapping[str, Any]) -> DataReport:
    """Return the report in a ``data_check`` answer; keys it lacks stay empty."""
    columns = found.get("columns")
    mapped = found.get("mapped")
    problems = tuple(_problem(item) for item in _objects(found.get("problems")))
    return DataReport(
        format=str(found.get("format", "")),
        rows=_count(found.get("rows")),
        usable=_count(found.get("usable")),
        bad_rows=_count(found.get("bad_rows")),
        set_aside=_count(found.get("set_aside")),
        problems=problems,
        problem_count=max(len(problems), _count(found.get("problem_count"))),
        columns=tuple(str(name) for name in _many(columns)),
        mapped=_texts(mapped),
        tokens=_figures(found.get("tokens")),
        bars=_bars(found.get("histogram")),
        truncated=_count(found.get("truncated")),
        keeps_99=_optional_count(found.get("keeps_99")),
        duplicates=_count(found.get("duplicates")),
        near_duplicates=_count(found.get("near_duplicates")),
        leaks=_count(found.get("leaks")),
        twins=(
            *_twins(found.get("leak_rows"), "leak", "Its question also stands in"),
            *_twins(found.get("duplicate_rows"), "duplicate", "Repeats"),
        ),
        train_rows=_optional_count(found.get("train_rows")),
        eval_rows=_optional_count(found.get("eval_rows")),
        notes=tuple(str(note) for note in _many(found.get("notes"))),
    )


def preview_from(found: Mapping[str, Any], *, row: int) -> Preview:
    """Return the row in a ``data_preview`` answer."""
    tokens = tuple(
        PreviewToken(
            text=str(item.get("text", "")), is_trained=bool(item.get("trained"))
        )
        for item in _objects(found.get("tokens"))
    )
    return Preview(row=row, rows=_count(found.get("rows")), tokens=tokens)


def _many(value: object) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, (list, tuple)) else ()


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [
        cast("Mapping[str, Any]", item)
        for item in _many(value)
        if isinstance(item, Mapping)
    ]


def _count(value: object) -> int:
    """Return a count; a list (of duplicates, of leaks) counts by its items."""
    if isinstance(value, (int, float)):
        return int(value)
    return len(_many(value))


def _optional_count(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) else None


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {}
    items = cast("Mapping[Any, Any]", value)
    return {str(key): str(item) for key, item in items.items()}


def _problem(item: Mapping[str, Any]) -> LineProblem:
    return LineProblem(
        line=_optional_count(item.get("line")),
        code=str(item.get("code", "")),
        message=str(item.get("message", "")),
        file=str(item.get("file", "")),
    )


def _twins(value: object, code: str, words: str) -> list[LineProblem]:
    """Return each pair as what is said of its first row."""
    told: list[LineProblem] = []
    for pair in _objects(value):
        row, other = _object(pair.get("row")), _object(pair.get("other"))
        file = str(row.get("file", ""))
        elsewhere = str(other.get("file", ""))
        where = f" of {PurePath(elsewhere).name}" if elsewhere != file else ""
        line = _optional_count(other.get("line"))
        told.append(
            LineProblem(
                line=_optional_count(row.get("line")),
                code=code,
                message=f"{words} line {line}{where}.",
                file=file,
            )
        )
    return told


def _object(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _figures(value: object) -> TokenFigures | None:
    if not isinstance(value, Mapping):
        return None
    found = cast("Mapping[str, Any]", value)
    return TokenFigures(
        p50=_count(found.get("p50")),
        p90=_count(found.get("p90")),
        p99=_count(found.get("p99")),
        longest=_count(found.get("max")),
        total=_count(found.get("total")),
    )


def _bars(value: object) -> Bars | None:
    if not isinstance(value, Mapping):
        return None
    found = cast("Mapping[str, Any]", value)
    edges = tuple(float(edge) for edge in _many(found.get("edges")))
    counts = tuple(int(count) for count in _many(found.get("counts")))
    if len(edges) != len(counts) + 1 or not counts:
        return None
    return Bars(edges=edges, counts=counts)
