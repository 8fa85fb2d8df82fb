"""A safetensors file is checked before any framework sees it."""

import json
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import LibraryError
from core.library.weights import read_header, require_finite, require_lora
from tests.library.adapters import floats, safetensors, tensors

SOUND = safetensors(tensors())
LENGTH = int.from_bytes(SOUND[:8], "little")


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "adapter_model.safetensors"
    path.write_bytes(content)
    return path


def test_a_sound_file_tells_its_tensors(tmp_path: Path) -> None:
    """Names, kinds, shapes and places."""
    path = written(tmp_path, SOUND)
    entries = read_header(path)
    require_lora(path, entries)
    require_finite(path, entries)

    assert [(2, 4), (4, 2)] == [entry.shape for entry in entries]
    assert entries[0].begin == 8 + LENGTH
    assert len(SOUND) == entries[-1].end


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 8,
        struct.pack("<Q", 2**60) + b"{}",
        SOUND[:-1],
        SOUND + b"\x00",
        SOUND[: 8 + LENGTH],
        SOUND[:8] + b"[" * LENGTH + SOUND[8 + LENGTH :],
    ],
    ids=["empty", "no header", "2^60", "cut", "longer", "no data", "deep"],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Whether cut short, padded or with a lying header."""
    with pytest.raises(LibraryError) as caught:
        read_header(written(tmp_path, content))

    assert "library.weights_damaged" == caught.value.code


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
        {"dtype": "I7", "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
        {"dtype": "F32", "shape": [1]},
        {"dtype": "F32", "shape": "1", "data_offsets": [0, 4]},
        {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]},
        [1],
    ],
)
def test_a_lying_entry_is_refused(tmp_path: Path, entry: object) -> None:
    """Sizes that do not fit, kinds nobody knows, gaps."""
    header = json.dumps({"x.lora_A.weight": entry}).encode()
    content = struct.pack("<Q", len(header)) + header + floats(1.0)
    with pytest.raises(LibraryError):
        read_header(written(tmp_path, content))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.binary(max_size=200), st.integers(0, len(SOUND)))
def test_any_bytes_are_read_or_refused(tmp_path: Path, noise: bytes, at: int) -> None:
    """Noise anywhere in the file raises nothing but our error."""
    path = written(tmp_path, SOUND[:at] + noise + SOUND[at + len(noise) :])
    try:
        entries = read_header(path)
        require_lora(path, entries)
        require_finite(path, entries)
    except LibraryError:
        return
    assert path.stat().st_size == entries[-1].end


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_no_number_is_found(tmp_path: Path, value: float) -> None:
    """PEFT would load it without a word."""
    path = written(tmp_path, safetensors(tensors(a=(0.5,) * 7 + (value,))))
    with pytest.raises(LibraryError, match=r"lora_A\.weight holds values"):
        require_finite(path, read_header(path))


def test_an_adapter_that_changes_nothing_is_found(tmp_path: Path) -> None:
    """Every B zero, even minus zero: it was never trained, or its names are wrong."""
    path = written(tmp_path, safetensors(tensors(b=(0.0, -0.0) * 4)))
    with pytest.raises(LibraryError, match="changes nothing"):
        require_finite(path, read_header(path))


def test_a_file_without_lora_tensors_is_no_adapter(tmp_path: Path) -> None:
    """A whole model's weights, for one."""
    content = {"model.embed_tokens.weight": ("F32", (2,), floats(1.0, 2.0))}
    path = written(tmp_path, safetensors(content))
    with pytest.raises(LibraryError, match="no LoRA tensors"):
        require_lora(path, read_header(path))


def test_pickled_weights_are_never_looked_at(tmp_path: Path) -> None:
    """A .bin beside it changes nothing: only safetensors counts."""
    (tmp_path / "adapter_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(LibraryError, match="holds no adapter_model") as caught:
        read_header(tmp_path / "adapter_model.safetensors")

    assert "can run code" in caught.value.hint
