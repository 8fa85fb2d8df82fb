"""The library: one folder an adapter, each a plain PEFT folder with ``tunesmith.json``.

The folders are the truth. An adapter appears whole or not at all: it is copied beside
its place and renamed into it.
"""

import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core import durable
from core.errors import LibraryError
from core.library.facts import (
    AdapterFacts,
    adapter_files,
    read_facts,
    rewrite_facts,
    write_facts,
)
from core.library.inspect import record_of, require_usable, require_whole
from core.library.record import AdapterRecord
from core.places import Places

_MOST_TAGS = 50
_MOST_NAME_CHARS = 120
_MOST_NOTE_CHARS = 20_000


def add(places: Places, folder: Path, facts: AdapterFacts) -> AdapterRecord:
    """Copy the PEFT folder `folder` into the library and return its record.

    The id follows from the name and the run: adding the same run's adapter again (a
    resume after a crash) replaces it and keeps its tags, note and star.

    Raises:
        LibraryError: The folder is no usable LoRA adapter.
        DiskFull: There is no room; the library is as it was.
    """
    require_usable(folder)
    adapter_id = _id_for(places, facts)
    target = places.library / adapter_id
    if target.is_dir():
        facts = _with_care(facts, read_facts(target))
    facts = replace(facts, created=facts.created or time.time())
    size = sum(path.stat().st_size for path in adapter_files(folder))
    durable.need_room(places.home, size, what="The adapter")
    staging = places.library / f".{adapter_id}.{secrets.token_hex(4)}"
    try:
        _copy(folder, staging)
        write_facts(staging, facts)
        _swap_in(staging, target)
    except OSError as err:
        raise durable.translated(err, target) from err
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return record_of(target)


def all_adapters(places: Places) -> list[AdapterRecord]:
    """Return every adapter, newest first; damaged ones too, with the reason."""
    if not places.library.is_dir():
        return []
    folders = [path for path in places.library.iterdir() if _is_adapter(path)]
    records = [record_of(path) for path in folders]
    return sorted(records, key=lambda record: record.created, reverse=True)


def find(places: Places, wanted: str) -> AdapterRecord:
    """Return the adapter with this id, else the only one whose id or name fits.

    An exact name wins over the beginning of an id.

    Raises:
        LibraryError: There is none, or more than one.
    """
    exact = places.library / wanted
    if wanted and Path(wanted).name == wanted and _is_adapter(exact):
        return record_of(exact)
    records = all_adapters(places)
    low = wanted.lower()
    for fits in (_named(low), _beginning(low)):
        found = [record for record in records if low and fits(record)]
        if len(found) == 1:
            return found[0]
        if found:
            raise LibraryError(
                "library.ambiguous",
                f"{len(found)} adapters match “{wanted}”.",
                hint="Give the whole adapter_id; “tunesmith library list” shows them.",
            )
    raise LibraryError(
        "library.unknown",
        f"No adapter is called “{wanted}”.",
        hint="“tunesmith library list” shows them all.",
    )


def matches(record: AdapterRecord, query: str) -> bool:
    """Return whether each word of `query` stands somewhere in what people wrote.

    Names, ids, tags, notes and the base model are looked at; case does not matter.
    """
    texts = (record.name, record.adapter_id, record.note, record.base_model)
    haystack = " ".join((*texts, *record.tags)).casefold()
    return all(word in haystack for word in query.casefold().split())


def rename(places: Places, adapter_id: str, name: str) -> AdapterRecord:
    """Give an adapter another name; its id stays.

    Raises:
        LibraryError: The name is empty or too long, or there is no such adapter.
    """
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > _MOST_NAME_CHARS:
        raise LibraryError(
            "library.name",
            f"An adapter needs a name of 1 to {_MOST_NAME_CHARS} characters.",
            hint="Give it another name.",
        )
    return _edited(places, adapter_id, lambda facts: replace(facts, name=cleaned))


def tag(
    places: Places,
    adapter_id: str,
    *,
    add: tuple[str, ...] = (),
    remove: tuple[str, ...] = (),
) -> AdapterRecord:
    """Add and remove tags; their order is kept."""
    added = [" ".join(item.split())[:50] for item in add]

    def edit(facts: AdapterFacts) -> AdapterFacts:
        tags = dict.fromkeys([*facts.tags, *(item for item in added if item)])
        kept = tuple(item for item in tags if item not in remove)
        return replace(facts, tags=kept[:_MOST_TAGS])

    return _edited(places, adapter_id, edit)


def note(places: Places, adapter_id: str, text: str) -> AdapterRecord:
    """Replace an adapter's note; an empty text removes it."""
    kept = text.strip()[:_MOST_NOTE_CHARS]
    return _edited(places, adapter_id, lambda facts: replace(facts, note=kept))


def star(places: Places, adapter_id: str, *, starred: bool = True) -> AdapterRecord:
    """Star an adapter, or take its star away."""
    return _edited(places, adapter_id, lambda facts: replace(facts, starred=starred))


def verify(places: Places, adapter_id: str) -> AdapterRecord:
    """Return the record after reading every byte: hashes, header, finite values."""
    record = find(places, adapter_id)
    try:
        require_whole(record.path)
    except LibraryError as err:
        return replace(record, ok=False, problem=err.message)
    return record


def _edited(
    places: Places, adapter_id: str, edit: Callable[[AdapterFacts], AdapterFacts]
) -> AdapterRecord:
    folder = find(places, adapter_id).path
    rewrite_facts(folder, edit(read_facts(folder)))
    return record_of(folder)


def _is_adapter(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    try:
        return path.is_dir() and not path.is_symlink()
    except OSError:  # what a person typed was too long to be a name
        return False


def _named(low: str) -> Callable[[AdapterRecord], bool]:
    return lambda record: record.name.lower() == low


def _beginning(low: str) -> Callable[[AdapterRecord], bool]:
    return lambda record: (
        record.adapter_id.lower().startswith(low) or low in record.name.lower()
    )


def _id_for(places: Places, facts: AdapterFacts) -> str:
    stem = slug(facts.name) or slug(Path(facts.base_model).name) or "adapter"
    if facts.run_id:
        return f"{stem}-{slug(facts.run_id)[-4:].strip('-')}"
    while (places.library / (found := f"{stem}-{secrets.token_hex(2)}")).exists():
        pass
    return found


def slug(text: str) -> str:
    """Return `text` as lower-case ASCII words joined by hyphens, at most 40 letters."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:40].strip("-")


def _with_care(new: AdapterFacts, old: AdapterFacts) -> AdapterFacts:
    """Return the new facts with what the person wrote about the old adapter."""
    return replace(
        new,
        name=old.name or new.name,
        tags=old.tags,
        note=old.note,
        starred=old.starred,
        created=old.created,
    )


def _copy(folder: Path, staging: Path) -> None:
    staging.mkdir(parents=True, mode=0o700)
    for path in adapter_files(folder):
        shutil.copyfile(path, staging / path.name)
        durable.sync_file(staging / path.name)


def _swap_in(staging: Path, target: Path) -> None:
    if target.is_dir():
        aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        target.rename(aside)
        staging.rename(target)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        staging.rename(target)
    durable.sync_folder(target.parent)
