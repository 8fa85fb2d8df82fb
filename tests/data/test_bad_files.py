"""Files as people really have them: each is read right, or refused in words, by line."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from core.data.load import accepted_rows, count_accepted_rows, load
from core.data.rows import Chat, LoadedData, Text
from core.errors import DatasetError
from core.plan.plan import DataChoice

ROW = '{"prompt": "a", "completion": "b"}'
GOOD = f"{ROW}\n{ROW}\n"


@dataclass(frozen=True, slots=True)
class Case:
    """A file, and either what is read of it or the code it is refused with."""

    name: str
    content: bytes
    rows: int = 0
    problems: tuple[tuple[int, str], ...] = ()
    refused: str = ""
    file: str = "data.jsonl"
    note: str = ""


def text(*lines: str) -> bytes:
    return "\n".join(lines).encode()


DEEP = "[" * 5000 + "]" * 5000
LONG = "x" * (30 * 1024 * 1024)
BIG = "9" * 26

CASES = (
    Case("empty", b"", refused="dataset.empty"),
    Case("blank lines alone", b"\n \n\t\n", refused="dataset.empty"),
    Case("byte-order mark alone", b"\xef\xbb\xbf", refused="dataset.empty"),
    Case("byte-order mark", b"\xef\xbb\xbf" + GOOD.encode(), rows=2),
    Case("UTF-16 with a mark", GOOD.encode("utf-16"), rows=2),
    Case(
        "UTF-16 without a mark",
        GOOD.encode("utf-16-le"),
        rows=2,
        note="byte-order mark",
    ),
    Case("UTF-32", GOOD.encode("utf-32"), rows=2),
    Case(
        "Latin-1",
        '{"prompt": "Grüße", "completion": "déjà vu"}\n'.encode("latin-1"),
        rows=1,
        note="guess",
    ),
    Case(
        "one bad byte among good UTF-8",
        '{"prompt": "Grüße", "completion": "äöüéèçñß"}\n'.encode()
        + b'{"prompt": "a\xff", "completion": "b"}\n',
        rows=1,
        problems=((2, "dataset.row_encoding"),),
        note="not valid UTF-8",
    ),
    Case("zero byte", text(ROW, ROW) + b"\x00", refused="dataset.binary"),
    Case("random bytes", bytes(range(256)) * 8, refused="dataset.binary"),
    Case("picture", b"\x89PNG\r\n\x1a\n" + bytes(64), refused="dataset.binary"),
    Case("spreadsheet", b"PK\x03\x04" + bytes(64), refused="dataset.binary"),
    Case(
        "one broken line",
        text(ROW, ROW, ROW, ROW, ROW, '{"prompt": "a", "completion": }', ROW),
        rows=6,
        problems=((6, "dataset.row_syntax"),),
    ),
    Case("blank lines between", text(ROW, "", "   ", ROW, ""), rows=2),
    Case("Windows line ends", GOOD.replace("\n", "\r\n").encode(), rows=2),
    Case("cut off", text(ROW, ROW[:20]), rows=1, problems=((2, "dataset.row_syntax"),)),
    Case(
        "a list among objects",
        text(ROW, "[1, 2]", ROW),
        rows=2,
        problems=((2, "dataset.row_not_object"),),
    ),
    Case(
        "mixed types",
        text(ROW, '{"prompt": "a", "completion": {"b": 1}}', '{"prompt": "a"}'),
        rows=1,
        problems=((2, "dataset.row_wrong_type"), (3, "dataset.row_missing_column")),
    ),
    Case(
        "the same key twice",
        text(ROW, '{"prompt": "a", "prompt": "c", "completion": "b"}'),
        rows=1,
        problems=((2, "dataset.row_duplicate_key"),),
    ),
    Case(
        "half a character",
        text(ROW, '{"prompt": "a\\ud800", "completion": "b"}'),
        rows=1,
        problems=((2, "dataset.row_encoding"),),
    ),
    Case(
        "nested 5,000 deep",
        text(ROW, f'{{"prompt": "a", "completion": {DEEP}}}'),
        rows=1,
        problems=((2, "dataset.row_too_deep"),),
    ),
    Case(
        "a row of 30 MB",
        text(ROW, f'{{"prompt": "a", "completion": "{LONG}"}}'),
        rows=2,
    ),
    Case(
        "a number of 26 digits", text(f'{{"prompt": "a", "completion": {BIG}}}'), rows=1
    ),
    Case(
        "NaN for an answer",
        text(ROW, '{"prompt": "a", "completion": NaN}'),
        rows=1,
        problems=((2, "dataset.row_no_answer"),),
    ),
    Case(
        "empty answer",
        text(ROW, '{"prompt": "a", "completion": "  "}'),
        rows=1,
        problems=((2, "dataset.row_no_answer"),),
    ),
    Case(
        "an array with one broken row",
        text("[", f"  {ROW},", '  {"prompt": "a" "completion": "b"},', f"  {ROW}", "]"),
        rows=2,
        problems=((3, "dataset.row_syntax"),),
        file="data.json",
    ),
    Case(
        "an array with an open quote",
        text("[", f"{ROW},", '{"prompt": "a, "completion": "b},', f"{ROW},", ROW, "]"),
        rows=3,
        problems=((3, "dataset.row_syntax"),),
        file="data.json",
    ),
    Case(
        "an array cut off",
        text("[", f"{ROW},", '{"prompt": "a", "compl'),
        rows=1,
        problems=((3, "dataset.row_syntax"),),
        file="data.json",
    ),
    Case(
        "an array without its bracket",
        text("[", f"{ROW},", ROW),
        rows=2,
        problems=((3, "dataset.row_syntax"),),
        file="data.json",
    ),
    Case(
        "a missing comma",
        text("[", ROW, f"{ROW},", ROW, "]"),
        rows=2,
        problems=((3, "dataset.row_syntax"),),
        file="data.json",
    ),
    Case("lines named JSON", GOOD.encode(), rows=2, file="data.json"),
    Case("an array named JSONL", f"[{ROW}, {ROW}]".encode(), rows=2),
    Case(
        "a list inside an object",
        f'{{"version": [1], "data": [{ROW},\n{ROW}]}}'.encode(),
        rows=2,
        file="data.json",
    ),
    Case(
        "two lists inside an object",
        f'{{"train": [{ROW}],\n"info": {{"a": [{{}}]}},\n"test": [{ROW}]}}'.encode(),
        rows=1,
        problems=((3, "dataset.second_list"),),
        file="data.json",
    ),
    Case(
        "one row that is a chat",
        b'{"messages": [{"role": "user", "content": "a"},\n'
        b'{"role": "assistant", "content": "b"}]}',
        rows=1,
        file="data.json",
    ),
    Case(
        "objects one after another",
        b'{"prompt": "a",\n "completion": "b"}\n{"prompt": "a",\n "completion": ""}',
        rows=1,
        problems=((3, "dataset.row_no_answer"),),
        file="data.json",
    ),
    Case("no rows", b"[]", refused="dataset.empty", file="data.json"),
    Case(
        "no row that can be read",
        b"{nonsense\n",
        refused="dataset.unreadable_rows",
        file="data.json",
    ),
    Case(
        "semicolons",
        text("prompt;completion", "a;b, c", "d;e"),
        rows=2,
        file="data.csv",
    ),
    Case("tabs", text("prompt\tcompletion", "a\tb", "d\te"), rows=2, file="data.tsv"),
    Case("tabs named CSV", text("prompt\tcompletion", "a\tb"), rows=1, file="data.csv"),
    Case(
        "a ragged table",
        text("prompt,completion", "a,b", "c,d,e", "f", "g,h"),
        rows=2,
        problems=((3, "dataset.row_syntax"), (4, "dataset.row_no_answer")),
        file="data.csv",
    ),
    Case(
        "lines inside quotes",
        text("prompt,completion", '"a', 'b","c', 'd"', "e,", "f,g"),
        rows=2,
        problems=((5, "dataset.row_no_answer"),),
        file="data.csv",
    ),
    Case(
        "an open quote in a table",
        text("prompt,completion", "a,b", '"c,d', "e,f"),
        rows=1,
        problems=((3, "dataset.row_syntax"),),
        file="data.csv",
    ),
    Case("header alone", b"prompt,completion\n", refused="dataset.empty", file="a.csv"),
    Case(
        "Parquet by name alone", b"nothing", refused="dataset.parquet", file="a.parquet"
    ),
    Case(
        "Parquet cut off",
        b"PAR1" + bytes(50),
        refused="dataset.parquet",
        file="a.parquet",
    ),
)


def read(tmp_path: Path, case: Case) -> LoadedData:
    path = tmp_path / case.file
    path.write_bytes(case.content)
    return load(DataChoice(files=(str(path),)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_file(case: Case, tmp_path: Path) -> None:
    """The rows that are good are read, the others named by line, or all is refused."""
    if case.refused:
        with pytest.raises(DatasetError) as caught:
            read(tmp_path, case)
        assert case.refused == caught.value.code
        assert caught.value.hint
        assert caught.value.where is not None
        return

    data = read(tmp_path, case)

    assert case.problems == tuple((p.line, p.code) for p in data.problems)
    assert case.rows == len(data.rows)
    assert case.note in " ".join(data.notes)
    assert bool(case.note) == bool(data.notes)


def test_latin_letters_survive(tmp_path: Path) -> None:
    """A guessed encoding still gives the right letters."""
    case = next(case for case in CASES if case.name == "Latin-1")
    row = read(tmp_path, case).rows[0]

    assert isinstance(row, Chat)
    assert ["Grüße", "déjà vu"] == [turn.content for turn in row.messages]


def test_numbers_are_never_rounded(tmp_path: Path) -> None:
    """A number is learnt as the file spells it."""
    path = tmp_path / "numbers.jsonl"
    path.write_text(f'{{"prompt": 1.10, "completion": {BIG}}}')
    row = load(DataChoice(files=(str(path),))).rows[0]

    assert isinstance(row, Chat)
    assert ["1.10", BIG] == [turn.content for turn in row.messages]


def test_bad_rows_stop_unless_skipping_was_agreed(tmp_path: Path) -> None:
    """The first bad line is named, with how many follow and the way out."""
    path = tmp_path / "rows.jsonl"
    bad = '{"prompt": "a"}'
    path.write_text("\n".join([ROW, bad, ROW, bad, bad]))
    stop = DataChoice(files=(str(path),))
    skip = DataChoice(files=(str(path),), on_bad_row="skip")

    with pytest.raises(DatasetError) as caught:
        accepted_rows(load(stop), stop)

    assert "dataset.row_invalid" == caught.value.code
    assert caught.value.where is not None
    assert 2 == caught.value.where.line
    assert "2 more rows" in caught.value.message
    assert "skip" in caught.value.hint
    assert 2 == len(accepted_rows(load(skip), skip)) == count_accepted_rows(skip)
    with pytest.raises(DatasetError, match="2 more rows"):
        count_accepted_rows(stop)


def test_only_bad_rows_is_an_error_even_when_skipping(tmp_path: Path) -> None:
    """A run over nothing never starts."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "a", "completion": ""}')
    skip = DataChoice(files=(str(path),), on_bad_row="skip")

    with pytest.raises(DatasetError) as caught:
        accepted_rows(load(skip), skip)

    assert "dataset.no_usable_rows" == caught.value.code


@pytest.mark.parametrize(
    ("name", "before", "after", "line"),
    [
        ("rows.jsonl", f'{ROW}\n{{"prompt": "', f'"}}\n{ROW}\n', 2),
        ("rows.json", f'[{ROW}, {{"prompt": "', f'"}}, {ROW}]', 1),
        ("rows.csv", 'prompt,completion\na,b\n"', '",d\ne,f\n', 3),
    ],
)
def test_a_row_beyond_all_measure_is_named(
    name: str, before: str, after: str, line: int, tmp_path: Path
) -> None:
    """Over 64 million characters are no example; what comes before is still read."""
    path = tmp_path / name
    with path.open("w") as file:
        file.writelines((before, "x, {" * 17_000_000, after))

    data = load(DataChoice(files=(str(path),)))

    assert 1 <= len(data.rows) <= 2
    assert line == data.problems[0].line
    assert len(data.problems) <= 3


@pytest.mark.parametrize(
    "name",
    [
        "ünïcode 🙂.jsonl",
        "a[1]*?.jsonl",
        "with space.jsonl",
        "quo'te\".jsonl",
        "dots...jsonl",
    ],
)
def test_names_are_taken_literally(name: str, tmp_path: Path) -> None:
    """No character of a file's name is a pattern."""
    path = tmp_path / name
    try:
        path.write_text(GOOD)
    except OSError:
        pytest.skip("this system has no such names")

    assert 2 == len(load(DataChoice(files=(str(path),))).rows)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("missing.jsonl", "dataset.missing"),
        (".", "dataset.folder"),
        ("a\0b", "dataset.missing"),
    ],
)
def test_what_is_no_file_is_said(name: str, code: str, tmp_path: Path) -> None:
    """A missing file and a folder are refused by name."""
    with pytest.raises(DatasetError) as caught:
        load(DataChoice(files=(str(tmp_path / name),)))

    assert code == caught.value.code


def test_a_name_too_long_is_said(tmp_path: Path) -> None:
    """What the system refuses is told in words, not as a traceback."""
    with pytest.raises(DatasetError) as caught:
        load(DataChoice(files=(str(tmp_path / ("x" * 5000)),)))

    assert caught.value.code in {"dataset.unreadable", "dataset.missing"}


def test_prose_is_cut_at_paragraphs(tmp_path: Path) -> None:
    """Plain text becomes many rows, with all of its words and their lines."""
    path = tmp_path / "book.txt"
    paragraphs = [f"{number} " + "word " * 190 for number in range(20)]
    path.write_text("\n\n".join(paragraphs))
    data = load(DataChoice(files=(str(path),)))

    assert "text" == data.format
    assert 10 == len(data.rows)
    assert [1, 5, 9] == [row.line for row in data.rows[:3]]
    words = [w for r in data.rows if isinstance(r, Text) for w in r.text.split()]
    assert " ".join(paragraphs).split() == words


def test_markdown_is_cut_at_headings(tmp_path: Path) -> None:
    """A chapter never shares a row with the one before."""
    path = tmp_path / "notes.md"
    path.write_text("# One\n\nfirst\n\n# Two\n\nsecond\n")
    rows = load(DataChoice(files=(str(path),))).rows

    assert ["# One\n\nfirst", "# Two\n\nsecond"] == [
        row.text for row in rows if isinstance(row, Text)
    ]
