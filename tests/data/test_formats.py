"""Formats are recognised by themselves; what is not is mapped by hand."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.data.load import load
from core.data.rows import Chat, LoadedData, Text
from core.errors import DatasetError
from core.plan.plan import DataChoice

USER = {"role": "user", "content": "hi"}
ANSWER = {"role": "assistant", "content": "yo"}


def read(tmp_path: Path, *rows: Mapping[str, Any], **choice: Any) -> LoadedData:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return load(DataChoice(files=(str(path),), **choice))


def turns(data: LoadedData, number: int = 0) -> list[tuple[str, str]]:
    row = data.rows[number]
    assert isinstance(row, Chat)
    return [(turn.role, turn.content) for turn in row.messages]


HI = [("user", "hi"), ("assistant", "yo")]

RECOGNISED: tuple[tuple[str, Mapping[str, Any], list[tuple[str, str]]], ...] = (
    ("alpaca", {"instruction": "hi", "output": "yo"}, HI),
    ("alpaca", {"instruction": "hi", "input": "", "output": "yo"}, HI),
    (
        "alpaca",
        {"instruction": "add", "input": "1 2", "output": "3", "system": "be exact"},
        [("system", "be exact"), ("user", "add\n1 2"), ("assistant", "3")],
    ),
    (
        "alpaca",
        {"instruction": "hi", "output": "yo", "history": [["a", "b"]]},
        [("user", "a"), ("assistant", "b"), *HI],
    ),
    ("messages", {"messages": [USER, ANSWER]}, HI),
    ("messages", {"messages": json.dumps([USER, ANSWER])}, HI),
    ("messages", {"dialog_turns": [USER, ANSWER]}, HI),
    (
        "messages",
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "hi"}]},
                ANSWER,
            ]
        },
        HI,
    ),
    (
        "messages",
        {"system_prompt": "be kind", "messages": [USER, ANSWER, USER]},
        [("system", "be kind"), *HI],
    ),
    (
        "sharegpt",
        {
            "conversations": [
                {"from": "human", "value": "hi"},
                {"from": "gpt", "value": "yo"},
            ]
        },
        HI,
    ),
    ("prompt-completion", {"prompt": "hi", "completion": "yo"}, HI),
    ("prompt-completion", {"Question": "hi", "Answer": "yo"}, HI),
    ("prompt-completion", {"question": "hi", "response": "yo", "id": 1}, HI),
    ("prompt-completion", {"input": "hi", "output": "yo"}, HI),
    ("prompt-completion", {"article": "hi", "summary": "yo"}, HI),
    ("prompt-completion", {"prompt": [USER], "completion": [ANSWER]}, HI),
    ("prompt-completion", {"prompt": "hi", "chosen": "yo", "rejected": "no"}, HI),
    ("messages", {"chosen": [USER, ANSWER], "rejected": [USER, ANSWER]}, HI),
    (
        "sharegpt",
        {
            "conversations": [{"from": "human", "value": "hi"}],
            "chosen": {"from": "gpt", "value": "yo"},
            "rejected": {"from": "gpt", "value": "no"},
        },
        HI,
    ),
)


@pytest.mark.parametrize(("name", "row", "expected"), RECOGNISED)
def test_recognised(
    name: str, row: Mapping[str, Any], expected: list[tuple[str, str]], tmp_path: Path
) -> None:
    """Each usual shape is read without being told what it is."""
    data = read(tmp_path, row)

    assert () == data.problems
    assert name == data.format
    assert expected == turns(data)


def test_preference_pairs_say_how_they_are_used(tmp_path: Path) -> None:
    """Learning from pairs as if they were answers is told, not hidden."""
    data = read(tmp_path, {"prompt": "hi", "chosen": "yo", "rejected": "no"})

    assert "rejected" in data.notes[0]


@pytest.mark.parametrize("mark", ["label", "kto_tag"])
def test_answers_marked_bad_are_not_learnt(mark: str, tmp_path: Path) -> None:
    """A false label keeps a row out; it is no fault of the row."""
    good = {"messages": [USER, ANSWER], mark: True}
    data = read(tmp_path, good, {**good, mark: False})

    assert 1 == len(data.rows)
    assert 1 == data.set_aside
    assert () == data.problems
    assert mark in data.notes[0]
    assert 2 == data.total


def test_tool_calls_become_text(tmp_path: Path) -> None:
    """Calls are written as Hermes and Qwen write them; results keep their role."""
    call = {"function": {"name": "clock", "arguments": '{"zone": 1.50}'}}
    data = read(
        tmp_path,
        {
            "messages": [
                USER,
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "content": "noon"},
                ANSWER,
            ],
            "tools": [{"name": "clock", "version": 2}],
        },
    )

    called = '<tool_call>\n{"name": "clock", "arguments": {"zone": 1.5}}\n</tool_call>'
    assert [("user", "hi"), ("assistant", called), ("tool", "noon"), HI[1]] == turns(
        data
    )
    row = data.rows[0]
    assert isinstance(row, Chat)
    assert '[{"name": "clock", "version": 2}]' == row.tools


def test_sharegpt_calls_join_the_words_before_them(tmp_path: Path) -> None:
    """Templates want roles to alternate; a call after words is the same turn."""
    value = [
        {"from": "human", "value": "hi"},
        {"from": "gpt", "value": "I look."},
        {"from": "function_call", "value": "{}"},
        {"from": "observation", "value": "noon"},
        {"from": "gpt", "value": "yo"},
    ]
    data = read(tmp_path, {"conversations": value})

    assert "I look.\n<tool_call>\n{}\n</tool_call>" == turns(data)[1][1]
    assert ["user", "assistant", "tool", "assistant"] == [
        role for role, _ in turns(data)
    ]


BROKEN: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("dataset.row_no_assistant", {"messages": [USER]}),
    ("dataset.row_same_role", {"messages": [USER, USER, ANSWER]}),
    ("dataset.row_same_role", {"messages": [USER, ANSWER, ANSWER]}),
    (
        "dataset.row_unknown_role",
        {"messages": [{"role": "cat", "content": "x"}, ANSWER]},
    ),
    ("dataset.row_unknown_role", {"messages": [{"content": "x"}, ANSWER]}),
    ("dataset.row_empty", {"messages": []}),
    ("dataset.row_wrong_type", {"messages": 3}),
    ("dataset.row_wrong_type", {"messages": ["hi", "yo"]}),
    ("dataset.row_syntax", {"messages": "[{'role': 'user'}]"}),
    (
        "dataset.row_no_answer",
        {"messages": [USER, {"role": "assistant", "content": ""}]},
    ),
    (
        "dataset.row_empty_turn",
        {"messages": [{"role": "user", "content": " "}, ANSWER]},
    ),
    ("dataset.row_missing_column", {"something": "else"}),
    (
        "dataset.row_system_place",
        {"messages": [USER, {"role": "system", "content": "x"}, ANSWER]},
    ),
    (
        "dataset.row_wrong_type",
        {"messages": [{"role": "user", "content": [{"type": "image"}]}, ANSWER]},
    ),
)


@pytest.mark.parametrize(("code", "row"), BROKEN)
def test_broken_chats_are_named(
    code: str, row: Mapping[str, Any], tmp_path: Path
) -> None:
    """What is wrong with a chat is said by its line."""
    data = read(tmp_path, {"messages": [USER, ANSWER]}, row)

    assert [(2, code)] == [(problem.line, problem.code) for problem in data.problems]
    assert data.problems[0].message.endswith(".")


def test_text_and_category_is_not_guessed(tmp_path: Path) -> None:
    """A classification table is no chat by itself; its columns are told."""
    row = {"text": "where is my card", "category": "card_arrival"}

    with pytest.raises(DatasetError) as caught:
        read(tmp_path, row)

    assert "dataset.format_unknown" == caught.value.code
    assert "“text”, “category”" in caught.value.message
    assert "prompt=text,completion=category" in caught.value.hint


def test_columns_are_mapped_by_hand(tmp_path: Path) -> None:
    """Whatever the columns are called, a person can say what they are."""
    row = {"text": "where is my card", "category": "card_arrival", "who": "be brief"}
    mapping = {"prompt": "text", "completion": "category", "system": "who"}
    data = read(tmp_path, row, columns=mapping)

    assert "prompt-completion" == data.format
    assert mapping == data.mapped
    assert ("text", "category", "who") == data.columns
    expected = [
        ("system", "be brief"),
        ("user", row["text"]),
        ("assistant", row["category"]),
    ]
    assert expected == turns(data)


def test_text_is_mapped_by_hand(tmp_path: Path) -> None:
    """One column can be learnt as plain text."""
    data = read(tmp_path, {"a": "words", "label": 1}, columns={"text": "a"})

    assert "text" == data.format
    assert Text(text="words", line=1, file=data.rows[0].file) == data.rows[0]


@pytest.mark.parametrize(
    ("mapping", "code", "said"),
    [
        ({"prompt": "promt"}, "dataset.column_missing", "“prompt”"),
        ({"question": "prompt"}, "dataset.unknown_role", "prompt, completion"),
        ({"prompt": "prompt"}, "dataset.mapping_incomplete", "completion"),
    ],
)
def test_a_wrong_mapping_is_explained(
    mapping: dict[str, str], code: str, said: str, tmp_path: Path
) -> None:
    """The nearest column and the roles there are, are named."""
    with pytest.raises(DatasetError) as caught:
        read(tmp_path, {"prompt": "a", "completion": "b"}, columns=mapping)

    assert code == caught.value.code
    assert said in caught.value.message + caught.value.hint


def test_a_format_can_be_told(tmp_path: Path) -> None:
    """Telling the format overrides the guess, if the columns allow it."""
    row = {"text": "words", "prompt": "hi", "completion": "yo"}

    assert "prompt-completion" == read(tmp_path, row).format
    assert "text" == read(tmp_path, row, format="text").format
    with pytest.raises(DatasetError, match="messages"):
        read(tmp_path, row, format="messages")


def test_parquet_reads_like_the_rest(tmp_path: Path) -> None:
    """Nested columns and numbers come through; the row's number is its line."""
    path = tmp_path / "rows.parquet"
    table = pa.table({"messages": [[USER, ANSWER], [USER]], "score": [0.5, 1.5]})
    pq.write_table(table, path)
    data = load(DataChoice(files=(str(path),)))

    assert HI == turns(data)
    assert [(2, "dataset.row_no_assistant")] == [
        (p.line, p.code) for p in data.problems
    ]


def test_several_files_keep_their_names(tmp_path: Path) -> None:
    """Rows and problems say which file they are from; a file named twice is read once."""
    one, two = tmp_path / "one.jsonl", tmp_path / "two.csv"
    one.write_text('{"messages": [{"role": "user", "content": "a"}]}\n')
    two.write_text("question,answer\nhi,yo\n")
    data = load(DataChoice(files=(str(one), str(two), str(two))))

    assert "messages + prompt-completion" == data.format
    assert [str(one)] == [problem.file for problem in data.problems]
    assert [str(two)] == [row.file for row in data.rows]


def test_no_file_is_an_error() -> None:
    """Nothing chosen is said as such."""
    with pytest.raises(DatasetError, match="No data file"):
        load(DataChoice())
