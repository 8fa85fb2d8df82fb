"""From a name to a model, and why some are refused."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from core.errors import ModelError
from core.models.added import add_model, remove_model
from core.models.find import all_models, find_model, shape_of
from core.models.weights import read_header
from core.places import Places

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "vocab_size": 32,
    "max_position_embeddings": 64,
}


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return Places(home=tmp_path / "home").make()


def safetensors(shape: tuple[int, ...] = (2, 2)) -> bytes:
    n_bytes = 4 * shape[0] * shape[1]
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, n_bytes]}
    header = json.dumps({"w": entry}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(n_bytes)


def model_folder(folder: Path, **files: bytes | None) -> Path:
    content: dict[str, bytes | None] = {
        "config.json": json.dumps(CONFIG).encode(),
        "model.safetensors": safetensors(),
        "tokenizer.json": b"{}",
        **files,
    }
    folder.mkdir(parents=True)
    for name, data in content.items():
        if data is not None:
            (folder / name).write_bytes(data)
    return folder


def config(**changed: object) -> bytes:
    return json.dumps({**CONFIG, **changed}).encode()


NO_WEIGHTS: dict[str, bytes | None] = {"model.safetensors": None}
REFUSED: list[tuple[str, dict[str, bytes | None]]] = [
    ("model.no_weights", NO_WEIGHTS),
    ("model.pickle", {**NO_WEIGHTS, "pytorch_model.bin": b"\x80\x04"}),
    ("model.gguf", {**NO_WEIGHTS, "model-q4.gguf": b"GGUF"}),
    ("model.gguf", {"config.json": None, "model-q4.gguf": b"GGUF"}),
    ("model.remote_code", {"config.json": config(auto_map={"AutoModel": "m.M"})}),
    (
        "model.remote_code",
        {"config.json": config(attn_implementation="someone/kernels")},
    ),
    ("model.quantised", {"config.json": config(quantization_config={"bits": 4})}),
    ("model.adapter", {**NO_WEIGHTS, "adapter_config.json": b"{}"}),
    ("model.none", {"config.json": None}),
    ("model.bad_config", {"config.json": b"\xff\xfe not json"}),
    ("model.bad_config", {"config.json": b"[1, 2]"}),
    ("model.no_sizes", {"config.json": b'{"model_type": "llama"}'}),
    ("model.not_causal", {"config.json": config(model_type="bert")}),
    ("model.no_tokenizer", {"tokenizer.json": None}),
    (
        "model.incomplete",
        {"model.safetensors.index.json": b'{"weight_map": {"w": "a-1.safetensors"}}'},
    ),
    (
        "model.torn",
        {"model.safetensors.index.json": b'{"weight_map": {"w": "../a.safetensors"}}'},
    ),
]


@pytest.mark.parametrize(("code", "files"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_folder_that_cannot_be_trained_says_why(
    tmp_path: Path, places: Places, code: str, files: dict[str, bytes | None]
) -> None:
    """It is refused when named, and listed with the same reason when added before."""
    folder = model_folder(tmp_path / "model", **files)

    with pytest.raises(ModelError) as caught:
        find_model(str(folder), places)

    assert code == caught.value.code
    assert caught.value.hint
    with pytest.raises(ModelError):
        add_model(str(folder), places)


def test_a_folder_is_found_added_listed_and_forgotten(
    tmp_path: Path, places: Places
) -> None:
    """Forgetting leaves the files; a folder that went away later says so."""
    folder = model_folder(tmp_path / "model")

    facts = add_model(str(folder), places)

    assert folder == find_model(str(folder), places).path == facts.path
    assert str(folder) in [model.id for model in all_models(places)]
    assert 8 == shape_of(facts, places).hidden
    (folder / "model.safetensors").unlink()
    (listed,) = [m for m in all_models(places) if m.id == str(folder)]
    assert "no weights" in listed.problem
    remove_model(str(folder), places)
    assert str(folder) not in [model.id for model in all_models(places)]
    assert folder.is_dir()


def test_the_starter_is_listed_once(places: Places) -> None:
    """It is a model of the catalogue too, which stays to be found by its Hub id."""
    names = [facts.name for facts in all_models(places)]

    assert 1 == names.count("SmolLM2-135M-Instruct")
    assert find_model("HuggingFaceTB/SmolLM2-135M-Instruct", places).parameters


def test_a_bare_config_can_be_estimated(tmp_path: Path, places: Places) -> None:
    """Its shape is known, but there is no folder to train from."""
    file = tmp_path / "config.json"
    file.write_bytes(config())

    facts = find_model(str(file), places)

    assert facts.path is None
    assert 1 == shape_of(facts, places).layers


def test_a_catalogue_model_is_found_by_id_or_name(places: Places) -> None:
    """Case does not matter; what is not here has no path."""
    by_id = find_model("Qwen/Qwen2.5-7B-Instruct", places)

    assert by_id == find_model("qwen2.5-7b-instruct", places)
    assert by_id.path is None
    assert 7_615_616_512 == by_id.parameters == shape_of(by_id, places).parameters


def test_a_model_in_the_hub_cache_is_here(tmp_path: Path, places: Places) -> None:
    """The cache's layout is read as huggingface_hub writes it."""
    repository = tmp_path / "hub" / "models--someone--tiny"
    folder = model_folder(repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")

    assert folder == find_model("someone/tiny", places).path


def test_a_download_cut_short_is_offered_again(tmp_path: Path, places: Places) -> None:
    """Half a model is no model, and no error either."""
    folder = tmp_path / "hub" / "models--someone--tiny" / "snapshots" / "abc"
    model_folder(folder, **NO_WEIGHTS)

    assert find_model("someone/tiny", places).path is None


@pytest.mark.parametrize("name", ["", "  ", "lama-3", "no such model"])
def test_a_name_nobody_has_is_refused(places: Places, name: str) -> None:
    """The nearest name is offered."""
    with pytest.raises(ModelError) as caught:
        find_model(name, places)

    assert caught.value.hint


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: struct.pack("<Q", 1 << 60) + data[8:],
        lambda data: struct.pack("<Q", 0) + data[8:],
        lambda data: b"",
        lambda data: data.replace(b'"F32"', b'"Q99"'),
        lambda data: data.replace(b"[2, 2]", b"[2,-2]"),
    ],
)
def test_a_torn_safetensors_file_is_named(tmp_path: Path, spoil: Any) -> None:
    """Header and size must agree to the byte."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors())

    assert (2, 2) == read_header(path)[0].shape

    path.write_bytes(spoil(safetensors()))
    with pytest.raises(ModelError) as caught:
        read_header(path)
    assert "model.torn" == caught.value.code


def test_a_model_cut_short_on_its_way_is_refused(
    places: Places, tmp_path: Path
) -> None:
    """Before a training waits for it, not after."""
    folder = model_folder(tmp_path / "m")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])

    with pytest.raises(ModelError, match="not downloaded whole") as caught:
        find_model(str(folder), places)
    assert "model.torn" == caught.value.code
