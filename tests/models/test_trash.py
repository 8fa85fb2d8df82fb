"""A deleted model is out of the list and comes back whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ModelError
from core.models.added import added_models
from core.models.facts import ModelFacts
from core.models.trash import (
    can_delete,
    delete_model,
    empty_models,
    restore_model,
    trashed_models,
)
from core.places import Places


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return Places(home=tmp_path / "home").make()


def model(folder: Path) -> ModelFacts:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"x" * 4096)
    return ModelFacts(id=str(folder), name=folder.name, source="local", path=folder)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_our_own_model_goes_and_comes_back(places: Places) -> None:
    """Deleted: gone from its place, listed in the trash; restored: byte for byte."""
    facts = model(places.models / "mine")
    assert facts.path is not None
    before = files(facts.path)

    gone = delete_model(facts, places)

    assert not facts.path.exists()
    assert (gone,) == trashed_models(places)
    assert 4096 <= gone.size
    restore_model(gone, places)
    assert before == files(facts.path)
    assert () == trashed_models(places)


def test_a_cached_model_goes_with_its_blobs(places: Places, tmp_path: Path) -> None:
    """The whole repository in the Hugging Face cache moves, links and all."""
    repository = tmp_path / "hub" / "models--org--name"
    facts = model(repository / "snapshots" / "abc")
    blob = repository / "blobs" / "123"
    blob.parent.mkdir()
    blob.write_bytes(b"blob")

    gone = delete_model(facts, places)

    assert not repository.exists()
    restore_model(gone, places)
    assert b"blob" == blob.read_bytes()


def test_a_person_s_own_folder_is_only_forgotten(
    places: Places, tmp_path: Path
) -> None:
    """Files a person keeps elsewhere stay; undo puts the folder back on the list."""
    folder = tmp_path / "elsewhere"
    facts = model(folder)
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    places.home.joinpath("models.json").write_text(f'["{folder.as_posix()}"]', "utf-8")
    assert not can_delete(facts, places)

    gone = delete_model(facts, places)

    assert folder.is_dir()
    assert gone.kept is None
    assert () == added_models(places)


def test_emptying_frees_the_bytes_for_good(places: Places) -> None:
    """What is emptied cannot be restored, and says so."""
    gone = delete_model(model(places.models / "mine"), places)

    assert gone.size == empty_models(places)
    assert () == trashed_models(places)
    with pytest.raises(ModelError, match="no longer in the trash"):
        restore_model(gone, places)


def test_nothing_is_overwritten_by_an_undo(places: Places) -> None:
    """A newer model in the old place stays; the trash keeps its own."""
    gone = delete_model(model(places.models / "mine"), places)
    model(places.models / "mine")

    with pytest.raises(ModelError, match="another mine"):
        restore_model(gone, places)

    assert (gone,) == trashed_models(places)


def test_a_model_that_is_not_here_cannot_be_deleted(places: Places) -> None:
    """A catalogue entry has no files."""
    facts = ModelFacts(id="org/name", name="name", source="catalogue")

    assert not can_delete(facts, places)
    with pytest.raises(ModelError):
        delete_model(facts, places)


def test_a_torn_note_in_the_trash_is_left_alone(places: Places) -> None:
    """A half-written origin.json hides that one entry, and harms no other."""
    gone = delete_model(model(places.models / "mine"), places)
    torn = places.trash / "models" / "torn" / "origin.json"
    torn.parent.mkdir()
    torn.write_text('{"name": "x"', encoding="utf-8")

    assert (gone,) == trashed_models(places)
