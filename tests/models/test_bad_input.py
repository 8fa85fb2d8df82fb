"""Whatever a person points at: priced, or refused in words. Nothing else, and quickly."""

import copy
import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from core.errors import ModelError
from core.estimate.memory import estimate
from core.hardware.budget import device_budget
from core.models import folder as folders
from core.models.find import (
    all_models,
    config_of,
    find_model,
    find_to_estimate,
    shape_of,
)
from core.models.folder import check_config
from core.models.shape import ModelShape
from core.places import Places
from core.plan.plan import Method, Plan
from core.units import GIB
from tests.models.test_shape import BART, BERT, CONFIGS, T5

CARD = device_budget(gpu_memory=12 * GIB)
REAL: list[dict[str, Any]] = [
    *CONFIGS,
    {"model_type": "t5", **T5},
    {"model_type": "bart", **BART},
    {"model_type": "bert", **BERT, "id2label": {"0": "a"}},
    {"model_type": "modernbert", **BERT},
    {"model_type": "mine", **BERT, "num_experts": 4},
    {"model_type": "gemma3", "text_config": CONFIGS[0], "vision_config": BERT},
]
JUNK = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(10**30), 10**30)
    | some.floats()
    | some.sampled_from(["", "gelu", "x" * 200, "\0", "../..", "t5", "llama", "ß"]),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(some.sampled_from(["hidden_size", "a"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return Places(home=tmp_path / "home").make()


def shape_or_refusal(config: dict[str, Any]) -> ModelShape | ModelError:
    try:
        return check_config(config, "spoilt")
    except ModelError as err:
        return err


@settings(max_examples=300, deadline=None)
@given(data=some.data())
def test_a_spoilt_config_is_priced_or_refused(data: some.DataObject) -> None:
    """Any value in place of any other, at any depth, is told in words."""
    config = copy.deepcopy(data.draw(some.sampled_from(REAL)))
    for _ in range(data.draw(some.integers(1, 3))):
        part: dict[str, Any] = config
        inner = [value for value in config.values() if isinstance(value, dict)]
        if inner and data.draw(some.booleans()):
            part = data.draw(some.sampled_from(inner))
        name = data.draw(some.sampled_from(sorted(part) or ["hidden_size"]))
        if data.draw(some.booleans()):
            part[name] = data.draw(JUNK)
        else:
            part.pop(name, None)
    plan = Plan(method=Method(kind=data.draw(some.sampled_from(["lora", "qlora"]))))
    shape = shape_or_refusal(config)
    if isinstance(shape, ModelError):
        assert shape.hint
        assert len(shape.message) < 600
        return
    found = estimate(plan, shape, CARD)
    assert 0 <= found.low <= found.process <= found.high
    if not shape.known:
        assert "fits" not in found.verdict


def weights(**tensors: tuple[int, ...]) -> bytes:
    """Return a safetensors file; two underscores stand for a dot."""
    header: dict[str, Any] = {}
    at = 0
    for name, shape in tensors.items():
        size = 2
        for n in shape:
            size *= n
        entry = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        header[name.replace("__", ".")] = entry
        at += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(at)


LLAMA: dict[str, tuple[int, ...]] = {
    "model__embed_tokens__weight": (100, 64),
    "model__norm__weight": (64,),
    "lm_head__weight": (100, 64),
    **{
        f"model__layers__{layer}__{name}__weight": shape
        for layer in range(2)
        for name, shape in {
            "self_attn__q_proj": (64, 64),
            "self_attn__k_proj": (32, 64),
            "self_attn__v_proj": (32, 64),
            "self_attn__o_proj": (64, 64),
            "mlp__gate_proj": (160, 64),
            "mlp__up_proj": (160, 64),
            "mlp__down_proj": (64, 160),
            "input_layernorm": (64,),
            "post_attention_layernorm": (64,),
        }.items()
    },
}


@pytest.mark.parametrize("loose", [False, True])
def test_weights_without_a_config_tell_their_sizes(
    tmp_path: Path, places: Places, loose: bool
) -> None:
    """To the parameter; they can be estimated, and are refused for training."""
    file = tmp_path / "m" / "model.safetensors"
    file.parent.mkdir()
    file.write_bytes(weights(**LLAMA))
    path = str(file if loose else file.parent)

    facts = find_to_estimate(path, places)

    held = sum(shape[0] * (shape[1:] or (1,))[0] for shape in LLAMA.values())
    assert held == facts.parameters == shape_of(facts, places).parameters
    assert 2 == config_of(facts, places)["num_hidden_layers"]
    with pytest.raises(ModelError) as caught:
        find_model(path, places)
    assert "config.json" in caught.value.message


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.safetensors", weights(some__other__weight=(2, 2)), "model.none"),
        ("a.safetensors", weights(base__q__lora_A__weight=(2, 2)), "model.adapter"),
        ("a.safetensors", b"torn", "model.torn"),
        ("a.bin", b"\x80\x04", "model.pickle"),
        ("a.pt", b"\x80\x04", "model.pickle"),
        ("a.gguf", b"GGUF", "model.gguf"),
        ("a.txt", b"hello", "model.none"),
        ("a.json", b"", "model.bad_config"),
        ("a.json", b"[" * 100_000, "model.bad_config"),
        ("a.json", b'{"hidden_size": ' + b"9" * 5000 + b"}", "model.bad_config"),
        ("a.json", json.dumps(CONFIGS[0]).encode("utf-16"), "model.bad_config"),
    ],
)
def test_a_file_that_is_no_model_says_what_it_is(
    tmp_path: Path, places: Places, name: str, content: bytes, code: str
) -> None:
    """And what to do."""
    (tmp_path / name).write_bytes(content)

    for find in (find_model, find_to_estimate):
        with pytest.raises(ModelError) as caught:
            find(str(tmp_path / name), places)
        assert code == caught.value.code
        assert caught.value.hint


def test_a_config_of_two_gibibytes_is_not_read(tmp_path: Path, places: Places) -> None:
    """Its size is told by the disk; a sparse file takes no room here."""
    file = tmp_path / "config.json"
    with file.open("wb") as handle:
        handle.truncate(2 << 30)

    with pytest.raises(ModelError, match="not a model's config"):
        find_to_estimate(str(file), places)


def test_weights_of_another_model_are_noticed(tmp_path: Path, places: Places) -> None:
    """The table of words is as large as the config says, or one of the two is wrong."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIGS[0]))
    (tmp_path / "model.safetensors").write_bytes(weights(**LLAMA))
    (tmp_path / "tokenizer.json").write_text("{}")

    with pytest.raises(ModelError, match="1009 words of 96 numbers") as caught:
        find_model(str(tmp_path), places)
    assert "model.mismatch" == caught.value.code


def test_what_nobody_may_read_is_named(
    tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the list of models too, which goes on without it."""
    folder = places.models / "locked"
    folder.mkdir(parents=True)

    def locked(folder: Path) -> Any:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(folders, "_read_folder", locked)
    with pytest.raises(ModelError, match="permission denied") as caught:
        find_model(str(folder), places)
    assert "model.unreadable" == caught.value.code
    (facts,) = [m for m in all_models(places) if m.name == "locked"]
    assert "permission denied" in facts.problem


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own there")
def test_a_ring_of_links_is_no_model(tmp_path: Path, places: Places) -> None:
    """It is refused, whether the ring is the name itself or its config."""
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").symlink_to(tmp_path / "m" / "config.json")
    for name in ("a", "m", "x" * 5000):
        with pytest.raises(ModelError) as caught:
            find_to_estimate(str(tmp_path / name), places)
        assert caught.value.hint


def test_the_files_tell_how_large_the_eyes_are(tmp_path: Path, places: Places) -> None:
    """What a folder holds beyond the text part is held in a training too."""
    eyes: dict[str, tuple[int, ...]] = {"vision__tower__weight": (300, 7)}
    text = {
        **CONFIGS[0],
        "hidden_size": 64,
        "intermediate_size": 160,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 100,
        "tie_word_embeddings": False,
    }
    config = {"model_type": "llama4", "text_config": text, "vision_config": {}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(weights(**LLAMA, **eyes))
    (tmp_path / "tokenizer.json").write_text("{}")

    shape = shape_of(find_model(str(tmp_path), places), places)

    assert ("llama4", 2100) == (shape.text_part, shape.idle)
    found = estimate(Plan(), shape, CARD)
    assert "the text part is trained" in found.reason


@pytest.mark.parametrize("config", [T5, BART, BERT], ids=["t5", "bart", "bert"])
def test_what_is_not_trained_yet_can_be_priced(
    tmp_path: Path, places: Places, config: dict[str, Any]
) -> None:
    """The estimate says whose loop it prices; training says plainly that it does not."""
    kind = {"d_kv": "t5", "encoder_layers": "bart", "type_vocab_size": "bert"}
    config = {"model_type": next(kind[n] for n in kind if n in config), **config}
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))

    facts = find_to_estimate(str(file), places)
    found = estimate(Plan(), shape_of(facts, places), CARD)

    assert "does not train this kind yet" in facts.problem
    assert "does not train this kind yet" in found.reason
    assert found.fits
    with pytest.raises(ModelError, match="does not train this kind yet") as caught:
        find_model(str(file), places)
    assert "model.not_causal" == caught.value.code
