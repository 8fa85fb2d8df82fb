"""A plan survives its file, and every mistake in one is named."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import PlanError
from core.plan.codec import (
    from_tree,
    parse_value,
    read_plan,
    to_toml,
    to_tree,
    with_settings,
    write_plan,
)
from core.plan.fields import (
    BY_KEY,
    FIELDS,
    PlanField,
    changed_keys,
    value_of,
    with_value,
)
from core.plan.plan import Plan

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)


def values(field: PlanField) -> st.SearchStrategy[Any]:
    match field.type:
        case "boolean":
            return st.booleans()
        case "choice":
            return st.sampled_from(field.choices)
        case "integer":
            low, high = field.low or 0, field.high or 1000
            return st.integers(int(low), int(high))
        case "number":
            return st.floats(field.low or 0.0, field.high or 1.0)
        case "list":
            # absolute, because relative files count from the plan's folder
            stem = "/" if field.key == "data.files" else ""
            return st.lists(
                WORDS.map(lambda word: stem + word.strip("/~.")), max_size=3
            ).map(tuple)
        case "mapping":
            return st.dictionaries(WORDS, WORDS, max_size=3)
        case "text":
            return WORDS


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    plan = Plan()
    for field in FIELDS:
        if draw(st.booleans()):
            plan = with_value(plan, field.key, draw(values(field)))
    return plan


@given(plans())
def test_a_plan_survives_its_tree(plan: Plan) -> None:
    """What is written is what is read, for every plan there can be."""
    assert plan == from_tree(to_tree(plan))


@given(plans())
def test_a_plan_survives_its_text(plan: Plan) -> None:
    """TOML keeps every value of every key."""
    import tomllib

    assert plan == from_tree(tomllib.loads(to_toml(plan)))


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    """Umlauts, quotes and spaces in names among them."""
    plan = with_value(Plan(), "data.files", (str(tmp_path / "a “b” ü.jsonl"),))
    write_plan(tmp_path / "plan.toml", plan)

    assert plan == read_plan(tmp_path / "plan.toml")


def test_relative_files_count_from_the_plan(tmp_path: Path) -> None:
    """A folder with a plan and its data can be moved."""
    (tmp_path / "plan.toml").write_text('[data]\nfiles = ["rows.jsonl"]\n')

    assert (str(tmp_path / "rows.jsonl"),) == read_plan(
        tmp_path / "plan.toml"
    ).data.files


def test_a_model_beside_the_plan_is_found(tmp_path: Path) -> None:
    """Where there is one; any other id stays what it is."""
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "models" / "mine" / "config.json").write_text("{}")
    path = tmp_path / "plan.toml"
    for wanted, found in (
        ("models/mine", str(tmp_path / "models" / "mine")),
        ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
        ("starter", "starter"),
        ("", ""),
    ):
        path.write_text(f'[model]\nid = "{wanted}"\n')

        assert found == read_plan(path).model.id


def test_one_file_may_stand_alone(tmp_path: Path) -> None:
    """A single text is a list of one."""
    plan = from_tree({"data": {"files": "rows.jsonl"}})

    assert ("rows.jsonl",) == plan.data.files


@pytest.mark.parametrize(
    ("tree", "hint"),
    [
        ({"train": {"learning_rat": 1e-4}}, "train.learning_rate"),
        ({"method": {"ranks": 8}}, "method.rank"),
        ({"train": {"rank": 8}}, "method.rank"),
        ({"trian": {"seq_len": 8}}, "train.seq_len"),
        ({"zzz": 1}, "plan new"),
    ],
)
def test_an_unknown_key_names_the_nearest(tree: dict[str, Any], hint: str) -> None:
    """A slip of the pen is an error that says what was meant."""
    with pytest.raises(PlanError) as caught:
        from_tree(tree)

    assert "plan.unknown_key" == caught.value.code
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("method.rank", "sixteen"),
        ("method.rank", 1.5),
        ("method.rank", True),
        ("method.kind", "lore"),
        ("train.learning_rate", float("nan")),
        ("train.gradient_checkpointing", 1),
        ("data.files", [1]),
        ("data.columns", "prompt"),
        ("name", 3),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(key: str, value: Any) -> None:
    """The message names the key and what it must be."""
    section, _, name = key.rpartition(".")
    tree = {section: {name: value}} if section else {name: value}

    with pytest.raises(PlanError, match=key) as caught:
        from_tree(tree)

    assert "plan.value" == caught.value.code


def test_a_newer_plan_is_refused() -> None:
    """A version this program does not know could mean anything."""
    with pytest.raises(PlanError, match="version 99"):
        from_tree({"version": 99})


def test_broken_toml_names_the_line(tmp_path: Path) -> None:
    """And the file."""
    path = tmp_path / "p.toml"
    path.write_text("name = \n")

    with pytest.raises(PlanError, match="line 1") as caught:
        read_plan(path)

    assert caught.value.where is not None
    assert str(path) == caught.value.where.file


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x00\x01\x02"])
def test_a_binary_plan_is_refused(tmp_path: Path, content: bytes) -> None:
    """With words, not with a codec's."""
    path = tmp_path / "p.toml"
    path.write_bytes(content)

    with pytest.raises(PlanError):
        read_plan(path)


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ("train.epochs=2", "train.epochs", 2.0),
        ("epochs=0,5", "train.epochs", 0.5),
        ("seq-len=512", "train.seq_len", 512),
        ("learning_rate=3e-4", "train.learning_rate", 3e-4),
        ("target_modules=q_proj, v_proj", "method.target_modules", ("q_proj", "v_proj")),
        ("columns=prompt=question,completion=answer", "data.columns",
         {"prompt": "question", "completion": "answer"}),
        ("double_quant=no", "method.double_quant", False),
        ("method.kind=qlora", "method.kind", "qlora"),
    ],
)  # fmt: skip
def test_a_setting_changes_one_key(setting: str, key: str, value: Any) -> None:
    """Short names and a decimal comma are understood."""
    plan = with_settings(Plan(), [setting])

    assert value == value_of(plan, key)
    assert (key,) == changed_keys(plan)


@pytest.mark.parametrize("setting", ["epochs", "epochs=many", "double_quant=maybe"])
def test_a_wrong_setting_is_refused(setting: str) -> None:
    """Without “=”, or with a value of the wrong kind."""
    with pytest.raises(PlanError):
        with_settings(Plan(), [setting])


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.key)
def test_the_default_is_a_value_of_its_field(field: PlanField) -> None:
    """The table's defaults are those of the dataclasses, and within the limits."""
    assert field.default == value_of(Plan(), field.key)
    if field.low is not None and field.high is not None:
        assert field.low <= field.default <= field.high


def test_the_table_holds_every_key_of_the_plan() -> None:
    """A key without an explanation or a flag cannot be added by mistake."""
    keys = {"name"}
    for section in ("model", "data", "method", "train"):
        part = getattr(Plan(), section)
        keys |= {f"{section}.{item.name}" for item in dataclasses.fields(part)}

    assert keys == set(BY_KEY)
    assert len({field.flag for field in FIELDS}) == len(FIELDS)
    assert all(field.explanation.what for field in FIELDS)


def test_choices_are_read_as_they_are_listed() -> None:
    """Each choice of each field parses to itself."""
    for field in FIELDS:
        for choice in field.choices:
            assert choice == parse_value(field, choice)


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("a.jsonl, b.csv", ("a.jsonl", "b.csv")),
        ('["a, b.jsonl", "[c].csv"]', ("a, b.jsonl", "[c].csv")),
        ("[c].csv", ("[c].csv",)),
    ],
)
def test_a_list_is_written_either_way(text: str, files: tuple[str, ...]) -> None:
    """With commas, or as in a plan file, where names may hold commas."""
    assert files == with_settings(Plan(), [f"data.files={text}"]).data.files


def test_half_a_list_is_refused() -> None:
    """And not taken for the name of a file."""
    with pytest.raises(PlanError, match="must be a list"):
        with_settings(Plan(), ['data.files=["a'])
