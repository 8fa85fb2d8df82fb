"""Models a person added by hand: folders and Hub ids, kept in models.json."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import cast

from core import durable
from core.errors import ModelError
from core.models.catalogue import catalogue_facts
from core.models.facts import ModelFacts
from core.models.folder import check_folder, facts_of_folder, unreadable
from core.models.hub_cache import cached_facts
from core.places import Places, expanded, is_folder

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def is_hub_id(text: str) -> bool:
    """Return whether `text` looks like ``organisation/model``."""
    return _HUB_ID.fullmatch(text) is not None and ".." not in text


def add_model(path_or_id: str, places: Places) -> ModelFacts:
    """Remember a folder or a Hub id, and return its facts.

    Raises:
        ModelError: The folder holds no model that can be trained, or it is neither a
            folder nor an id.
    """
    folder = expanded(path_or_id)
    try:
        is_here = bool(path_or_id) and folder.exists()
    except OSError as err:
        raise unreadable(folder, err) from err
    if is_here:
        check_folder(folder)
        entry = str(folder.absolute())
    elif is_hub_id(path_or_id):
        entry = path_or_id
    else:
        raise ModelError(
            "model.missing",
            f"“{path_or_id}” is neither a folder here nor a Hub id.",
            hint="Give a model's folder, or an id such as Qwen/Qwen2.5-0.5B.",
        )
    entries = _entries(places)
    if entry not in entries:
        _write(places, [*entries, entry])
    return _facts(entry)


def remove_model(path_or_id: str, places: Places) -> None:
    """Forget a folder or id; its files stay where they are.

    Raises:
        ModelError: It was not added.
    """
    names = {path_or_id, str(expanded(path_or_id).absolute())}
    entries = _entries(places)
    kept = [entry for entry in entries if entry not in names]
    if len(kept) == len(entries):
        raise ModelError(
            "model.not_added",
            f"{path_or_id} is not among the models you added.",
            hint="“tunesmith models” lists them.",
        )
    _write(places, kept)


def added_models(places: Places) -> tuple[ModelFacts, ...]:
    """Return the facts of every added model; one that went away says so."""
    return tuple(_facts(entry) for entry in _entries(places))


def _facts(entry: str) -> ModelFacts:
    if is_hub_id(entry) and not Path(entry).exists():
        known = cached_facts(entry) or catalogue_facts(entry)
        name = entry.rpartition("/")[2]
        return known or ModelFacts(id=entry, name=name, source="hub")
    folder = Path(entry)
    facts = facts_of_folder(folder, id=entry, name=folder.name, source="local")
    return facts if is_folder(folder) else replace(facts, path=None)


def _file(places: Places) -> Path:
    return places.home / "models.json"


def _entries(places: Places) -> list[str]:
    try:
        found = json.loads(_file(places).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []  # none added yet, or a list that can be made again
    if not isinstance(found, list):
        return []
    return [entry for entry in cast("list[object]", found) if isinstance(entry, str)]


def _write(places: Places, entries: list[str]) -> None:
    durable.replace_text(_file(places), json.dumps(entries, indent=2) + "\n")
