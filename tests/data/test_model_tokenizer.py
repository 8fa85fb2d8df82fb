"""A model's own tokenizer and template, and what is refused of them."""

from pathlib import Path

import pytest

import core.engine.tokenizer as module
from core.data.encode import encode
from core.data.rows import Chat, Message
from core.data.tokenizer import TemplateRefusedError
from core.engine.tokenizer import CHATML, open_tokenizer
from core.errors import DatasetError, ModelError, Where
from core.launch import Task
from tests.data.hf_folder import MARKS, tokenizer_folder

TURNS = (Message(role="user", content="hi"), Message(role="assistant", content="é🙂"))
CHAT = Chat(messages=TURNS, line=1)


def trained(folder: Path, template: str = "") -> str:
    tokenizer = open_tokenizer(folder, template=template)
    row = encode(CHAT, tokenizer, seq_len=999, train_on="answers")
    kept = [n for n, on in zip(row.ids, row.trained, strict=True) if on]
    return tokenizer.hf.decode(kept)


def test_the_answer_and_its_end_are_trained(tmp_path: Path) -> None:
    """With a real tokenizer the mask covers exactly the answer and its end mark."""
    assert "é🙂<|im_end|>" == trained(tokenizer_folder(tmp_path))


def test_the_tokens_are_those_of_transformers(tmp_path: Path) -> None:
    """Training sees what any other program makes of the same chat."""
    tokenizer = open_tokenizer(tokenizer_folder(tmp_path))
    row = encode(CHAT, tokenizer, seq_len=999, train_on="answers")
    turns = [{"role": turn.role, "content": turn.content} for turn in TURNS]

    whole = tokenizer.hf.apply_chat_template(turns, tokenize=True, return_dict=False)
    assert whole == list(row.ids)


def test_a_model_without_template_gets_one_and_says_so(tmp_path: Path) -> None:
    """ChatML where its marks are known, plain words elsewhere; never in silence."""
    with_marks = open_tokenizer(tokenizer_folder(tmp_path / "a", template=None))
    without = tokenizer_folder(tmp_path / "b", template=None, marks=("</s>",))

    assert CHATML == with_marks.hf.chat_template
    assert "ChatML" in with_marks.note
    assert "User:" in open_tokenizer(without).note
    assert "é🙂</s>" == trained(without).strip()


def test_a_template_of_ones_own(tmp_path: Path) -> None:
    """A plan may name a template by name or file."""
    folder = tokenizer_folder(tmp_path / "model")
    own = tmp_path / "own.jinja"
    own.write_text(
        "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}[assistant] {% endif %}"
    )

    assert "é🙂<|im_end|>" == trained(folder, str(own))
    assert "é🙂<|im_end|>" == trained(folder, "plain").strip()
    with pytest.raises(ModelError, match="cannot be read"):
        open_tokenizer(folder, template=str(tmp_path / "none.jinja"))


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ("{{ raise_exception('not like this') }}", "model.template"),
        ("{% if %}", "model.template"),
        ("{{ ''.__class__.__mro__ }}{{ messages[0].nothing.more }}", "model.template"),
        ("x" * (64 * 1024 + 1), "model.template_long"),
        ("{{ 'a' * 10**12 }}", "model.template"),
    ],
)
def test_bad_templates_are_refused(template: str, code: str, tmp_path: Path) -> None:
    """Broken, greedy and prying templates are told at once."""
    with pytest.raises(ModelError) as caught:
        open_tokenizer(tokenizer_folder(tmp_path, template=template))

    assert code == caught.value.code
    assert "data.template" in caught.value.hint


def test_an_endless_template_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A template that never ends is a fault of the model, not a frozen program."""
    monkeypatch.setattr(module, "_MOST_PROBE_S", 0.05)
    loop = (
        "{% for a in range(3000) %}{% for b in range(3000) %}{% endfor %}{% endfor %}"
    )

    with pytest.raises(ModelError, match="took more than"):
        open_tokenizer(tokenizer_folder(tmp_path, template=loop))


def test_refusals_keep_the_templates_words(tmp_path: Path) -> None:
    """What the template says against a row reaches the person."""
    strict = (
        "{% for m in messages %}{% if m.role == 'tool' %}"
        "{{ raise_exception('no tools here') }}{% endif %}{{ m.content }}{% endfor %}"
    )
    tokenizer = open_tokenizer(tokenizer_folder(tmp_path, template=strict))

    with pytest.raises(TemplateRefusedError, match="no tools here"):
        tokenizer.render(
            [Message(role="tool", content="x")], tools="", add_generation_prompt=False
        )


def test_the_date_in_a_template_stands_still(tmp_path: Path) -> None:
    """A run resumed tomorrow sees the tokens it began with."""
    dated = "{{ strftime_now('%Y-%m-%d') }} " + CHATML
    tokenizer = open_tokenizer(tokenizer_folder(tmp_path, template=dated))
    text = tokenizer.render(TURNS, tools="", add_generation_prompt=False)

    assert text.startswith("2026-01-01 <|im_start|>")


@pytest.mark.parametrize("content", [None, "{", "{}"])
def test_a_folder_without_a_tokenizer_is_refused(
    content: str | None, tmp_path: Path
) -> None:
    """No tokenizer, or a broken one, is said in words."""
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)

    with pytest.raises(ModelError) as caught:
        open_tokenizer(tmp_path)

    assert caught.value.code.startswith("model.tokenizer")


def test_the_worker_checks_and_previews(tmp_path: Path) -> None:
    """Both tasks answer through a real child process."""
    folder = tokenizer_folder(tmp_path / "model")
    file = tmp_path / "rows.csv"
    file.write_text("question,answer\nhi,yo\nhe,\nho,ja\n")
    request = {"files": [str(file)], "model_path": str(folder), "seq_len": 64}

    report = Task("data_check", request).result()
    shown = Task("data_preview", {**request, "row": 1}).result()

    assert (3, 2) == (report["rows"], report["usable"])
    assert [3] == [problem["line"] for problem in report["problems"]]
    assert {"p50", "p90", "p99", "max", "total"} == set(report["tokens"])
    assert (2, 4) == (shown["rows"], shown["line"])
    assert shown["text"] == "".join(token["text"] for token in shown["tokens"])
    assert "ja" + MARKS[-1] == "".join(
        t["text"] for t in shown["tokens"] if t["trained"]
    )


def test_the_worker_without_a_model(tmp_path: Path) -> None:
    """Tokens are null, not zero; a file that cannot be used is an error in words."""
    file = tmp_path / "rows.csv"
    file.write_text("question,answer\nhi,yo\n")

    report = Task("data_check", {"files": [str(file)]}).result()

    assert report["tokens"] is None
    missing = str(tmp_path / "none")
    with pytest.raises(DatasetError, match="is not there") as caught:
        Task("data_check", {"files": [missing]}).result()
    assert Where(file=missing) == caught.value.where
