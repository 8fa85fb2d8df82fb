"""Search and download through the real Hub client, against a server on loopback."""

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import TunesmithError
from core.launch import Task
from core.models.find import find_model
from core.places import Places
from tests.models.hub_stub import HubStub, serving

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "vocab_size": 32,
    "max_position_embeddings": 64,
}


def safetensors(n_bytes: int) -> bytes:
    header = json.dumps(
        {"w": {"dtype": "U8", "shape": [n_bytes], "data_offsets": [0, n_bytes]}}
    ).encode()
    return struct.pack("<Q", len(header)) + header + os.urandom(n_bytes)


def files(**changed: bytes) -> dict[str, bytes]:
    return {
        "config.json": json.dumps(CONFIG).encode(),
        "model.safetensors": safetensors(3_000_000),
        "tokenizer.json": b"{}",
        "pytorch_model.bin": b"a pickle nobody wants",
        "modeling_tiny.py": b"raise SystemExit",
        "original/model.safetensors": b"a second copy",
        **changed,
    }


@pytest.fixture
def hub() -> Iterator[HubStub]:
    with serving(HubStub(files=files())) as stub:
        yield stub


def environment(stub: HubStub, home: Path, **more: str) -> dict[str, str]:
    return {
        "HF_ENDPOINT": stub.url,
        "HF_HOME": str(home / "hf"),
        "HF_TOKEN": "",
        "HF_HUB_CACHE": str(home / "hf" / "hub"),
        # A stub that is held back, on a machine that is busy, is no dead connection.
        "HF_HUB_DOWNLOAD_TIMEOUT": "240",
        "HF_HUB_ETAG_TIMEOUT": "240",
        **more,
    }


def fetch(stub: HubStub, home: Path, **more: str) -> list[dict[str, Any]]:
    request = {"id": "someone/tiny", "home": str(home)}
    task = Task("download", request, environment=environment(stub, home, **more))
    return list(task.events())


def test_a_model_arrives_whole_and_alone(
    hub: HubStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights and tokenizer come, code and pickles do not; bytes are told in order."""
    events = fetch(hub, tmp_path)

    folder = Path(events[-1]["path"])
    names = {path.name for path in folder.rglob("*")}
    assert {"config.json", "model.safetensors", "tokenizer.json"} == names
    assert hub.files["model.safetensors"] == (folder / "model.safetensors").read_bytes()
    told = [e["done"] for e in events if e["kind"] == "progress"]
    total = sum(len(hub.files[name]) for name in names)
    assert sorted(told) == told
    assert [total] == list({e["total"] for e in events if e["kind"] == "progress"})
    assert total == told[-1]
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    facts = find_model("someone/tiny", Places(home=tmp_path))
    assert folder == facts.path


def test_a_broken_connection_goes_on_where_it_stopped(
    hub: HubStub, tmp_path: Path
) -> None:
    """What had arrived is not fetched twice."""
    # The client writes ten megabytes at a time; half a piece is asked for again.
    hub.files = files(**{"model.safetensors": safetensors(25_000_000)})
    hub.cut_after = 15_000_000

    events = fetch(hub, tmp_path)

    folder = Path(events[-1]["path"])
    assert hub.files["model.safetensors"] == (folder / "model.safetensors").read_bytes()
    assert hub.ranges


T5_CONFIG = (
    b'{"model_type": "t5", "d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 1,'
    b' "num_heads": 2, "vocab_size": 9}'
)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ({"gated": True}, "model.gated"),
        ({"missing": True}, "model.not_on_hub"),
        ({"files": files() | {"config.json": b"{}"}}, "model.no_sizes"),
        (
            {"files": files(**{"config.json": b'{"auto_map": {"A": "b.C"}}'})},
            "model.remote_code",
        ),
        ({"files": files(**{"config.json": T5_CONFIG})}, "model.not_causal"),
        (
            {"files": {k: v for k, v in files().items() if "safetensors" not in k}},
            "model.pickle",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_before_it_is_fetched(
    hub: HubStub, tmp_path: Path, spoil: dict[str, Any], code: str
) -> None:
    """Each refusal says why and what to do, and no weights were moved."""
    for name, value in spoil.items():
        setattr(hub, name, value)

    with pytest.raises(TunesmithError) as caught:
        fetch(hub, tmp_path)

    assert code == caught.value.code
    assert caught.value.hint
    assert not any("GET" in ask and "safetensors" in ask for ask in hub.asked)


def test_offline_asks_nobody(hub: HubStub, tmp_path: Path) -> None:
    """The offline switch is obeyed before any connection is made."""
    with pytest.raises(TunesmithError) as caught:
        fetch(hub, tmp_path, HF_HUB_OFFLINE="1")

    assert "hub.offline" == caught.value.code
    assert [] == hub.asked


def test_no_hub_is_told_as_no_hub(tmp_path: Path) -> None:
    """A server that is gone is named, with the way on."""
    with serving(HubStub(files={})) as stub:
        pass

    with pytest.raises(TunesmithError) as caught:
        fetch(stub, tmp_path)

    assert "hub.unreachable" == caught.value.code


def test_search_tells_size_licence_and_gate(hub: HubStub, tmp_path: Path) -> None:
    """A search answers with what a person chooses by."""
    task = Task(
        "hub_search",
        {"query": "tiny", "limit": 5},
        environment=environment(hub, tmp_path),
    )

    models = task.result()["models"]

    assert [("someone/tiny", 1000, "mit", True)] == [
        (m["id"], m["parameters"], m["licence"], m["gated"]) for m in models
    ]


def test_pieces_of_killed_downloads_are_swept_up(hub: HubStub, tmp_path: Path) -> None:
    """Old pieces go, for nothing reads them again; one that grows may be another's."""
    blobs = tmp_path / "hf" / "hub" / "models--someone--tiny" / "blobs"
    blobs.mkdir(parents=True)
    old, new = blobs / "a.1f.incomplete", blobs / "b.2e.incomplete"
    for piece in (old, new):
        piece.write_bytes(b"half")
    os.utime(old, (0, 0))

    fetch(hub, tmp_path)

    assert (False, True) == (old.exists(), new.exists())
