"""Whatever bytes a file holds, the only exception is a `DatasetError`."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.data.load import load
from core.data.rows import Chat, LoadedData
from core.errors import DatasetError
from core.plan.plan import DataChoice

SUFFIXES = ("json", "jsonl", "csv", "tsv", "txt", "md", "parquet", "dat")
ROW = b'{"prompt": "hi", "completion": "yo"}'

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["messages", "conversations", "role", "from", "content", "value", "text",
             "prompt", "completion", "chosen", "rejected", "label", "tools", "history",
             "instruction", "output", "tool_calls", "function", "arguments", "x"]
        ),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip

many = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def outcome(path: Path) -> LoadedData | DatasetError:
    try:
        return load(DataChoice(files=(str(path),)))
    except DatasetError as err:
        return err


def try_to_load(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    data = outcome(path)
    if isinstance(data, DatasetError):
        assert data.message
        assert data.hint
        return
    assert data.total >= 1
    for row in data.rows:
        if isinstance(row, Chat):
            assert "assistant" == row.messages[-1].role
            assert all(
                turn.content.encode() for turn in row.messages if turn.role != "tool"
            )


@pytest.mark.parametrize("suffix", SUFFIXES)
@many
@given(content=st.binary(max_size=400))
def test_any_bytes(suffix: str, content: bytes, tmp_path: Path) -> None:
    """Noise is refused or read; never a crash."""
    try_to_load(tmp_path / f"noise.{suffix}", content)


@many
@given(
    head=st.binary(max_size=20), cut=st.integers(0, 200), tail=st.binary(max_size=20),
    shape=st.sampled_from([b"[%s,%s]", b"%s\n%s\n", b'{"data": [%s,%s]}', b"%s%s"]),
)  # fmt: skip
def test_almost_json(
    head: bytes, cut: int, tail: bytes, shape: bytes, tmp_path: Path
) -> None:
    """Damage anywhere in a file is told, not raised."""
    whole = shape % (ROW, ROW)
    try_to_load(tmp_path / "rows.json", head + whole[:cut] + tail + whole[cut:])


@many
@given(rows=st.lists(json_values, min_size=1, max_size=4))
def test_any_json(rows: list[object], tmp_path: Path) -> None:
    """Valid JSON of any shape is rows or problems."""
    try_to_load(tmp_path / "rows.json", json.dumps(rows).encode())
    lines = "\n".join(json.dumps(row) for row in rows)
    try_to_load(tmp_path / "rows.jsonl", lines.encode())


@many
@given(table=st.text(alphabet='ab,;\t|"\n\r promtcelin', max_size=200))
def test_any_table(table: str, tmp_path: Path) -> None:
    """Any mixture of separators, quotes and line ends is a table or is refused."""
    try_to_load(tmp_path / "rows.csv", f"prompt,completion\n{table}".encode())
    try_to_load(tmp_path / "rows.tsv", table.encode())


@many
@given(
    answers=st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=5),
    pretty=st.booleans(),
)
def test_what_is_written_is_read(
    answers: list[str], pretty: bool, tmp_path: Path
) -> None:
    """Valid rows come back to the letter."""
    rows = [{"prompt": "q", "completion": answer} for answer in answers]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows, indent=2 if pretty else None), encoding="utf-8")
    data = load(DataChoice(files=(str(path),)))

    found = [row.messages[-1].content for row in data.rows if isinstance(row, Chat)]
    assert () == data.problems
    assert answers == found
