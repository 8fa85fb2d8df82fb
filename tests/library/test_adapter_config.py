"""Somebody else's adapter_config.json can do no harm."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import LibraryError
from core.library.adapter_config import parse_adapter_config, read_adapter_config
from tests.library.adapters import CONFIG, write_adapter

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=10,
)


def test_a_plain_lora_is_understood() -> None:
    """Rank, scaling and targets."""
    found = parse_adapter_config(CONFIG)

    assert (2, 4.0, ("q_proj", "v_proj")) == (
        found.rank,
        found.alpha,
        found.target_modules,
    )
    assert not found.use_dora


def test_what_peft_itself_writes_is_understood(tmp_path: Path) -> None:
    """Every key of the installed PEFT at its default passes."""
    from peft import LoraConfig

    config = LoraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM")
    config.save_pretrained(str(tmp_path))

    assert 4 == read_adapter_config(tmp_path).rank


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("peft_type", "IA3"),
        ("peft_type", ["LORA"]),
        ("task_type", "SEQ_CLS"),
        ("r", 0),
        ("r", 1_000_000),
        ("r", True),
        ("r", "8"),
        ("lora_alpha", -1),
        ("lora_alpha", float("nan")),
        ("lora_dropout", 1.0),
        ("target_modules", r"([a-z_.0-9]+)+\!"),
        ("target_modules", ["([a-z]+)+"]),
        ("target_modules", ["q_proj"] * 513),
        ("target_modules", None),
        ("target_modules", [1]),
        ("modules_to_save", "lm_head"),
        ("rank_pattern", {"(a+)+$": 8}),
        ("rank_pattern", {"q_proj": 10**6}),
        ("rank_pattern", ["q_proj"]),
        ("alpha_pattern", {"q_proj": "x"}),
        ("bias", "some"),
        ("use_dora", "yes"),
        ("auto_mapping", {"base_model_class": "os", "parent_library": "os"}),
        ("megatron_config", {"a": 1}),
        ("layers_pattern", "(x+)+"),
        ("exclude_modules", "(x+)+"),
        ("eva_config", {"rho": 2}),
        ("loftq_config", {"loftq_bits": 4}),
        ("arrow_config", {"x": 1}),
        ("target_parameters", ["x"]),
        ("tokenizer_kwargs", {"trust_remote_code": 1}),
    ],
)
def test_what_could_do_harm_is_refused(key: str, value: Any) -> None:
    """Each with the reason, before anything is allocated or matched."""
    with pytest.raises(LibraryError) as caught:
        parse_adapter_config({**CONFIG, key: value})

    assert "library.config_refused" == caught.value.code
    assert caught.value.hint


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b"[" * 100_000, b" " * (2 << 20) + b"{}"],
    ids=["empty", "torn", "binary", "list", "deep", "huge"],
)
def test_a_file_that_is_no_configuration_is_refused_at_once(
    tmp_path: Path, content: bytes
) -> None:
    """However it is malformed."""
    (tmp_path / "adapter_config.json").write_bytes(content)
    with pytest.raises(LibraryError):
        read_adapter_config(tmp_path)


def test_a_folder_without_one_is_no_adapter(tmp_path: Path) -> None:
    """And the message says so."""
    with pytest.raises(LibraryError, match=r"holds no adapter_config\.json"):
        read_adapter_config(tmp_path)


@given(st.dictionaries(st.sampled_from([*CONFIG, "auto_mapping", "x"]), JSON))
def test_any_configuration_is_read_or_refused(changes: dict[str, Any]) -> None:
    """Nothing else can happen."""
    try:
        found = parse_adapter_config({**CONFIG, **changes})
    except LibraryError:
        return
    assert 1 <= found.rank <= 1024


def test_reading_back_what_was_written(tmp_path: Path) -> None:
    """The test's own maker writes what PEFT would."""
    write_adapter(tmp_path, r=8, rank_pattern={"q_proj": 4})
    found = json.loads((tmp_path / "adapter_config.json").read_text())

    assert 8 == found["r"]
    assert {"q_proj": 4} == dict(read_adapter_config(tmp_path).rank_pattern)
