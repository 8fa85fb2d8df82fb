"""What is trained: the answers, their ends, and nothing else."""

import pytest

from core.data.encode import encode, pieces
from core.data.examples import examples
from core.data.rows import Chat, EncodedRow, Message, Role, Text
from core.errors import DatasetError
from core.plan.plan import DataChoice
from tests.data.byte_tokenizer import (
    ByteTokenizer,
    Template,
    chatml,
    closing,
    forgetful,
    mute,
    no_system,
    refuses_all,
    thinking,
    trained_text,
    without_end,
)


def chat(*turns: tuple[Role, str], tools: str = "") -> Chat:
    messages = tuple(Message(role=role, content=content) for role, content in turns)
    return Chat(messages=messages, line=1, tools=tools)


QUESTION = chat(("user", "hi"), ("assistant", "good day"))
TWO_ANSWERS = chat(
    ("system", "be kind"),
    ("user", "hi"),
    ("assistant", "one"),
    ("user", "more"),
    ("assistant", "two"),
)


def learnt(
    row: Chat | Text, template: Template = chatml, **options: object
) -> tuple[str, EncodedRow]:
    tokenizer = ByteTokenizer(template)
    found = encode(row, tokenizer, seq_len=999, train_on="answers")
    return trained_text(tokenizer, found.ids, found.trained), found


def test_only_answers_and_their_ends_are_trained() -> None:
    """Each answer carries loss up to its end mark; questions and marks do not."""
    text, found = learnt(TWO_ANSWERS)

    assert "one<|im_end|>|two<|im_end|>" == text
    assert len(found.ids) == len(found.trained)


def test_everything_is_trained_but_the_first_token() -> None:
    """Nothing stands before the first token to predict it from."""
    found = encode(QUESTION, ByteTokenizer(), seq_len=999, train_on="everything")

    assert (False, *[True] * (len(found.ids) - 1)) == found.trained


def test_a_template_without_end_gets_one() -> None:
    """A model that never sees an end never stops; the end of text is put there."""
    text, found = learnt(QUESTION, without_end)

    assert "good day<|im_end|>" == text
    assert 257 == found.ids[-1]


def test_a_template_that_rewrites_earlier_turns_keeps_the_mask_right() -> None:
    """Thoughts dropped from earlier answers do not shift what is trained."""
    row = chat(
        ("user", "hi"),
        ("assistant", "one"),
        ("user", "more"),
        ("assistant", "<think>hm</think>two"),
    )

    text, _ = learnt(row, forgetful)

    assert "one<|im_end|>|<think>hm</think>two<|im_end|>" == text


@pytest.mark.parametrize("template", [closing, thinking])
def test_an_answer_is_not_mistaken_for_its_question(template: Template) -> None:
    """Where the template disagrees with itself, the words after the question count."""
    row = chat(
        ("system", "say yes or no"),
        ("user", "yes or no?"),
        ("assistant", "yes"),
        ("user", "no?"),
        ("assistant", "no"),
    )

    text, found = learnt(row, template)

    assert text.startswith("yes<|im_end|>|no<|im_end|>")
    assert 2 == text.count("<|im_end|>") - text.count("</all>")
    tokenizer = ByteTokenizer()
    before = found.ids[: found.trained.index(True)]
    assert "".join(map(tokenizer.name_of, before)).endswith("assistant\n")


def test_an_answer_the_template_rewrites_is_refused() -> None:
    """An answer that is not in the text cannot be learnt, and that is said."""
    row = chat(
        ("user", "hi"),
        ("assistant", "<think>hm</think>one"),
        ("user", "more"),
        ("assistant", "two"),
    )

    with pytest.raises(DatasetError) as caught:
        learnt(row, forgetful)

    assert "dataset.template_lost_answer" == caught.value.code
    assert "turn 2" in caught.value.message


def test_a_template_that_hides_answers_is_refused() -> None:
    """Loss never falls on the wrong words."""
    with pytest.raises(DatasetError, match="leaves out or rewrites"):
        learnt(QUESTION, mute)


def test_a_system_turn_moves_where_the_template_has_none() -> None:
    """The words are kept: they go in front of the first question."""
    tokenizer = ByteTokenizer(no_system)
    found = encode(TWO_ANSWERS, tokenizer, seq_len=999, train_on="answers")
    text = "".join(tokenizer.name_of(number) for number in found.ids)

    assert "<|im_start|>user\nbe kind\n\nhi<|im_end|>" in text
    assert "system" not in text


def test_a_template_that_refuses_names_its_reason() -> None:
    """The template's own words reach the person."""
    with pytest.raises(DatasetError, match="never") as caught:
        learnt(QUESTION, refuses_all)

    assert "dataset.template_refused" == caught.value.code


def test_tools_reach_the_model_without_a_place_for_them() -> None:
    """Tool definitions are said in the system turn if the template has no room."""
    tokenizer = ByteTokenizer()
    row = chat(("user", "hi"), ("assistant", "ok"), tools='[{"name": "clock"}]')
    found = encode(row, tokenizer, seq_len=999, train_on="answers")
    text = "".join(tokenizer.name_of(number) for number in found.ids)

    assert text.startswith("<|im_start|>system\nYou can call these tools:")
    assert '{"name": "clock"}' in text


def test_a_cut_row_says_so_and_keeps_its_beginning() -> None:
    """Rows are cut on the right, and never silently."""
    whole = encode(QUESTION, ByteTokenizer(), seq_len=999, train_on="answers")
    cut = encode(QUESTION, ByteTokenizer(), seq_len=20, train_on="answers")

    assert not whole.truncated
    assert cut.truncated
    assert whole.ids[:20] == cut.ids


def test_text_is_split_and_loses_nothing() -> None:
    """A long text becomes more rows; together they hold every token and the end."""
    row = Text(text="abcdefghij", line=3)
    found = pieces(row, ByteTokenizer(bos=256), seq_len=4, train_on="answers")

    ids = [number for part in found for number in part.ids]
    assert [256, *b"abcdefghij", 257] == ids
    assert all(not part.trained[0] and all(part.trained[1:]) for part in found)
    assert not any(part.truncated for part in found)
    assert {3} == {part.line for part in found}


def test_a_shared_character_is_trained_whole() -> None:
    """A letter of several bytes carries loss in each of its tokens."""
    text, _ = learnt(chat(("user", "hi"), ("assistant", "é🙂")))

    assert len("é🙂".encode()) + len("<|im_end|>") == len(text)


def write_rows(tmp_path, rows: list[str]) -> str:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(rows), encoding="utf-8")
    return str(path)


def test_a_row_whose_answer_is_cut_away_is_dropped_by_name(tmp_path) -> None:
    """Such a row teaches nothing; it is left out, and the person is told which."""
    long = "x" * 200
    file = write_rows(
        tmp_path,
        [
            '{"prompt": "a", "completion": "b"}',
            f'{{"prompt": "{long}", "completion": "b"}}',
        ],
    )
    choice = DataChoice(files=(file,), eval_fraction=0.0)

    found = examples(choice, ByteTokenizer(), seq_len=100, seed=1)

    assert 1 == len(found.train)
    assert [(2, "dataset.answer_cut")] == [(p.line, p.code) for p in found.dropped]


def test_nothing_left_to_learn_is_an_error(tmp_path) -> None:
    """A length that cuts every answer away stops the run before it starts."""
    file = write_rows(tmp_path, ['{"prompt": "aaaaaaaaaa", "completion": "b"}'])

    with pytest.raises(DatasetError) as caught:
        examples(DataChoice(files=(file,)), ByteTokenizer(), seq_len=8, seed=1)

    assert "dataset.no_usable_rows" == caught.value.code
    assert "seq_len" in caught.value.hint


def test_refused_rows_need_consent(tmp_path) -> None:
    """Rows the template refuses stop a run unless skipping was agreed to."""
    file = write_rows(tmp_path, ['{"prompt": "a", "completion": "b"}'] * 2)
    choice = DataChoice(files=(file,), eval_fraction=0.0)

    with pytest.raises(DatasetError) as caught:
        examples(choice, ByteTokenizer(refuses_all), seq_len=99, seed=1)

    assert "dataset.row_invalid" == caught.value.code
    assert "skip" in caught.value.hint


def test_progress_ends_at_the_whole(tmp_path) -> None:
    """Whoever waits sees the last row told."""
    file = write_rows(
        tmp_path, [f'{{"prompt": "{n}", "completion": "b"}}' for n in range(9)]
    )
    told: list[tuple[int, int]] = []

    examples(
        DataChoice(files=(file,)),
        ByteTokenizer(),
        seq_len=99,
        seed=1,
        tell=lambda done, total: told.append((done, total)),
    )

    assert (9, 9) == told[-1]
