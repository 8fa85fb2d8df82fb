"""Real data sets, where they lie beside the checkout; skipped elsewhere."""

import os
from pathlib import Path

import pytest

from core.data.examples import examples
from core.data.load import load
from core.data.rows import Chat
from core.errors import DatasetError
from core.plan.plan import DataChoice
from tests.data.byte_tokenizer import ByteTokenizer

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
FOLDER = Path(os.environ.get("TUNESMITH_SHARED_DATA", _BESIDE))

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="no real data sets here")

FILES = (
    ("gsm8k_train.jsonl", "prompt-completion", 7473, 0),
    ("gsm8k_test.jsonl", "prompt-completion", 1319, 0),
    ("alpaca_en_demo.json", "alpaca", 999, 0),
    ("glaive_toolcall_en_demo.json", "sharegpt", 300, 0),
    ("dpo_en_demo.json", "sharegpt", 300, 0),
    ("kto_en_demo.json", "messages", 150, 150),
    ("c4_demo.jsonl", "text", 300, 0),
)


def choice(name: str, **options: object) -> DataChoice:
    return DataChoice(files=(str(FOLDER / name),), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "format_", "rows", "set_aside"), FILES)
def test_recognised_whole(name: str, format_: str, rows: int, set_aside: int) -> None:
    """Every row of each file is usable, or marked as not to be learnt."""
    data = load(choice(name))

    assert format_ == data.format
    assert () == data.problems
    assert (rows, set_aside) == (len(data.rows), data.set_aside)


@pytest.mark.parametrize("name", ["banking77_train.csv", "banking77_test.csv"])
def test_classification_needs_a_mapping(name: str) -> None:
    """The columns are told; mapped, every row is a chat."""
    with pytest.raises(DatasetError, match="“text”, “category”"):
        load(choice(name))

    mapped = load(choice(name, columns={"prompt": "text", "completion": "category"}))

    assert () == mapped.problems
    lines = (FOLDER / name).read_text(encoding="utf-8").count("\n") - 1
    assert 0.99 * lines < len(mapped.rows) <= lines + 1


def test_wiki_keeps_its_words() -> None:
    """Cutting prose into rows loses no word."""
    data = load(choice("wiki_demo.txt"))
    text = (FOLDER / "wiki_demo.txt").read_text(encoding="utf-8")

    joined = " ".join(row.text for row in data.rows if not isinstance(row, Chat))
    assert len(data.rows) > 100
    assert "".join(text.split()) == "".join(joined.split())


def test_tool_calls_carry_loss() -> None:
    """A tool call is an answer; its result is not."""
    found = examples(
        choice("glaive_toolcall_en_demo.json"), ByteTokenizer(), seq_len=4000, seed=1
    )
    whole = [row for row in found.train if not row.truncated]
    texts = [
        bytes(n for n, on in zip(row.ids, row.trained, strict=True) if on and n < 256)
        for row in whole
    ]

    assert any(b"<tool_call>" in text for text in texts)
    assert not any(b"You can call these tools" in text for text in texts)
