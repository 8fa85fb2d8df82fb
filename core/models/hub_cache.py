"""The Hugging Face cache on this disk, read by its layout, without huggingface_hub.

``models--org--name/{refs/main, snapshots/<revision>/…}`` under HF_HUB_CACHE.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from core.models.catalogue import catalogue_facts
from core.models.facts import ModelFacts
from core.models.folder import facts_of_folder
from core.places import expanded


def hub_cache() -> Path:
    """Return the folder of the Hugging Face cache, existing or not."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return expanded(named)
    home = os.environ.get("HF_HOME")
    if home:
        return expanded(home) / "hub"
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return expanded(cache) / "huggingface" / "hub"


def snapshot(id: str, revision: str = "") -> Path | None:  # noqa: A002 - the plan's word
    """Return the folder of a cached model, or None if it is not in the cache."""
    repository = hub_cache() / ("models--" + id.replace("/", "--"))
    snapshots = repository / "snapshots"
    wanted = revision or "main"
    try:
        ref = repository / "refs" / wanted
        name = ref.read_text(encoding="ascii").strip() if ref.is_file() else wanted
        found = snapshots / name
        if found.is_dir():
            return found
        if revision:
            return None
        folders = [folder for folder in snapshots.iterdir() if folder.is_dir()]
    except (OSError, UnicodeDecodeError):
        return None
    return max(folders, key=lambda folder: folder.stat().st_mtime, default=None)


def cached_models() -> Iterator[ModelFacts]:
    """Give the facts of every text model in the cache."""
    try:
        repositories = sorted(hub_cache().glob("models--*"))
    except OSError:
        return
    for repository in repositories:
        id = repository.name.removeprefix("models--").replace("--", "/")  # noqa: A001
        facts = cached_facts(id)
        if facts is not None:
            yield facts


def cached_facts(id: str, revision: str = "") -> ModelFacts | None:  # noqa: A002 - the plan's word
    """Return the facts of one cached model, or None if nothing of it is there."""
    folder = snapshot(id, revision)
    try:
        if folder is None or not (folder / "config.json").exists():
            return None
    except OSError:  # another person's cache
        return None
    name = id.rpartition("/")[2]
    facts = facts_of_folder(folder, id=id, name=name, source="hub")
    known = catalogue_facts(id)
    if known is None:
        return facts
    return replace(facts, licence=known.licence, gated=known.gated)
