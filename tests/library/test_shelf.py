"""The library keeps adapters whole, finds them again, and loses none."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from core.errors import DiskFull, LibraryError
from core.library import shelf, trash
from core.library.facts import AdapterFacts, read_facts
from core.places import Places
from tests.library.adapters import safetensors, tensors, write_adapter

FACTS = AdapterFacts(
    name="House cards",
    base_model="starter",
    method="lora",
    eval_loss_before=3.2,
    eval_loss=1.4,
    run_id="20260101-120000-house-cards-ab12",
    plan={"method": {"rank": 2}},
)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(home=tmp_path / "home").make()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "made")


def test_an_added_adapter_is_a_plain_peft_folder(places: Places, folder: Path) -> None:
    """Same bytes, plus what is known of it."""
    record = shelf.add(places, folder, FACTS)

    assert "house-cards-ab12" == record.adapter_id
    assert places.library / record.adapter_id == record.path
    for name in ("adapter_config.json", "adapter_model.safetensors", "README.md"):
        assert (folder / name).read_bytes() == (record.path / name).read_bytes()
    assert record.ok
    assert (2, 1.4, "starter") == (record.rank, record.eval_loss, record.base_model)
    assert record.created > 0
    assert [record] == shelf.all_adapters(places)


def test_only_files_an_adapter_needs_are_copied(places: Places, folder: Path) -> None:
    """Neither pickles nor programs nor links come along."""
    (folder / "training_args.bin").write_bytes(b"\x80\x04.")
    (folder / "handler.py").write_text("import os")
    (folder / "tokenizer.json").symlink_to(folder / "README.md")
    record = shelf.add(places, folder, FACTS)

    names = {path.name for path in record.path.iterdir()}
    assert {
        "adapter_config.json", "adapter_model.safetensors", "README.md",
        "tunesmith.json",
    } == names  # fmt: skip


def test_adding_again_after_a_crash_replaces_and_keeps_care(
    places: Places, folder: Path
) -> None:
    """The same run has one adapter; its tags, note and star stay."""
    first = shelf.add(places, folder, FACTS)
    shelf.tag(places, first.adapter_id, add=("cards",))
    shelf.star(places, first.adapter_id)
    weights = safetensors(tensors(b=(0.75,) * 8))
    (folder / "adapter_model.safetensors").write_bytes(weights)
    second = shelf.add(places, folder, FACTS)

    assert [second] == shelf.all_adapters(places)
    assert (("cards",), True) == (second.tags, second.starred)
    assert weights == (second.path / "adapter_model.safetensors").read_bytes()
    assert shelf.verify(places, second.adapter_id).ok


def test_a_full_disk_adds_nothing(
    places: Places, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No half adapter appears, and no litter stays."""

    def no_room(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", no_room)
    with pytest.raises(DiskFull):
        shelf.add(places, folder, FACTS)

    assert [] == list(places.library.iterdir())


def test_what_is_no_adapter_is_not_added(places: Places, tmp_path: Path) -> None:
    """The reason is said and nothing is copied."""
    with pytest.raises(LibraryError, match="holds no adapter_config"):
        shelf.add(places, tmp_path, FACTS)

    assert [] == list(places.library.iterdir())


def test_a_damaged_adapter_is_listed_with_its_reason(
    places: Places, folder: Path
) -> None:
    """A list never fails because of one folder."""
    record = shelf.add(places, folder, FACTS)
    (record.path / "adapter_model.safetensors").write_bytes(b"torn")
    (places.library / "stray").mkdir()

    found = {item.adapter_id: item for item in shelf.all_adapters(places)}
    assert not found[record.adapter_id].ok
    assert "damaged" in found[record.adapter_id].problem
    assert not found["stray"].ok


def test_verify_finds_a_single_changed_bit(places: Places, folder: Path) -> None:
    """The header still fits, so only the hash can tell."""
    record = shelf.add(places, folder, FACTS)
    weights = record.path / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))

    assert shelf.find(places, record.adapter_id).ok
    found = shelf.verify(places, record.adapter_id)
    assert not found.ok
    assert "not as it was" in found.problem


@pytest.mark.parametrize(
    "wanted", ["house-cards-ab12", "House cards", "house CARDS", "house-c"]
)
def test_an_adapter_is_found_by_id_name_or_beginning(
    places: Places, folder: Path, wanted: str
) -> None:
    """As long as only one fits."""
    record = shelf.add(places, folder, FACTS)

    assert record == shelf.find(places, wanted)


def test_two_that_fit_are_not_guessed_between(places: Places, folder: Path) -> None:
    """Both names are the same; the ids are not."""
    from dataclasses import replace

    shelf.add(places, folder, FACTS)
    other = shelf.add(places, folder, replace(FACTS, run_id="20260102-cd34"))

    with pytest.raises(LibraryError, match="2 adapters match"):
        shelf.find(places, "House cards")
    assert other == shelf.find(places, other.adapter_id)


@pytest.mark.parametrize("wanted", ["", "nobody", "../made", "..", "/"])
def test_what_is_not_there_is_not_found(
    places: Places, folder: Path, wanted: str
) -> None:
    """No path leads out of the library."""
    with pytest.raises(LibraryError, match="No adapter is called"):
        shelf.find(places, wanted)


def test_care_is_kept_in_the_folder(places: Places, folder: Path) -> None:
    """Name, tags, note and star live in tunesmith.json; the weights stay untouched."""
    adapter_id = shelf.add(places, folder, FACTS).adapter_id
    shelf.rename(places, adapter_id, "  Table   cards ")
    shelf.tag(places, adapter_id, add=("a", "b", "a"))
    shelf.tag(places, adapter_id, remove=("a",))
    shelf.note(places, adapter_id, "For the café. ")
    shelf.star(places, adapter_id)
    found = shelf.find(places, adapter_id)

    assert ("Table cards", ("b",), "For the café.", True) == (
        found.name,
        found.tags,
        found.note,
        found.starred,
    )
    assert shelf.verify(places, adapter_id).ok
    assert FACTS.plan == read_facts(found.path).plan
    assert not shelf.star(places, adapter_id, starred=False).starred


def test_an_adapter_keeps_some_name(places: Places, folder: Path) -> None:
    """An empty one is refused."""
    adapter_id = shelf.add(places, folder, FACTS).adapter_id
    with pytest.raises(LibraryError, match="needs a name"):
        shelf.rename(places, adapter_id, "   ")


@pytest.mark.parametrize(
    ("query", "fits"),
    [("house", True), ("CARDS starter", True), ("café", True), ("b house", True),
     ("dog", False), ("house dog", False), ("", True)],
)  # fmt: skip
def test_search_looks_at_all_that_people_wrote(
    places: Places, folder: Path, query: str, *, fits: bool
) -> None:
    """Every word must be somewhere."""
    adapter_id = shelf.add(places, folder, FACTS).adapter_id
    shelf.tag(places, adapter_id, add=("b",))
    record = shelf.note(places, adapter_id, "for the Café")

    assert fits == shelf.matches(record, query)


def test_deleting_can_be_undone(places: Places, folder: Path) -> None:
    """The trash keeps it whole until it is emptied."""
    record = shelf.add(places, folder, FACTS)
    deleted = trash.delete(places, record.adapter_id)

    assert [] == shelf.all_adapters(places)
    assert [deleted] == trash.trashed(places)
    assert record == trash.restore(places, record.adapter_id)
    assert shelf.verify(places, record.adapter_id).ok
    assert [] == trash.trashed(places)


def test_emptying_the_trash_frees_its_bytes(places: Places, folder: Path) -> None:
    """Only what was deleted goes."""
    from dataclasses import replace

    record = shelf.add(places, folder, FACTS)
    kept = shelf.add(places, folder, replace(FACTS, run_id="20260102-cd34"))
    trash.delete(places, record.adapter_id)

    assert record.size == trash.empty(places)
    assert [kept] == shelf.all_adapters(places)
    with pytest.raises(LibraryError, match="not in the trash"):
        trash.restore(places, record.adapter_id)


def test_deleting_the_same_id_twice_keeps_both(places: Places, folder: Path) -> None:
    """Nothing in the trash is ever written over."""
    for _ in range(2):
        trash.delete(places, shelf.add(places, folder, FACTS).adapter_id)

    assert 2 == len(trash.trashed(places))


def test_damaged_facts_lose_no_adapter(places: Places, folder: Path) -> None:
    """Whatever tunesmith.json holds, the weights can still be used."""
    record = shelf.add(places, folder, FACTS)
    for content in (b"", b"[]", b'{"tags": 3, "created": "x", "files": [1]}', b"\xff"):
        (record.path / "tunesmith.json").write_bytes(content)
        found = shelf.find(places, record.adapter_id)

        assert found.ok
        assert () == found.tags
