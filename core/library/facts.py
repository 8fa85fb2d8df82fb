"""``tunesmith.json``: what is known of an adapter beyond what PEFT writes.

Whoever makes an adapter folder calls `write_facts` last; it stamps every other file
with its SHA-256, so that `verify` can tell later whether a bit has changed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from core import durable
from core.wire import known_fields, to_json

FACTS_NAME = "tunesmith.json"
_MOST_BYTES = 4 << 20
_VERSION = 1

# What an adapter's folder may hold; nothing else is ever copied.
_FILES = {
    "adapter_config.json", "adapter_model.safetensors", "README.md",
    "chat_template.jinja", "tokenizer.json", "tokenizer_config.json",
    "tokenizer.model", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "generation_config.json",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterFacts:
    """Where an adapter came from and how good it is. Memory in bytes."""

    name: str = ""
    base_model: str = ""
    """What the plan named: ``starter``, a Hub id or a folder."""
    base_revision: str = ""
    base_path: str = ""
    method: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    starred: bool = False
    train_loss: float | None = None
    eval_loss_before: float | None = None
    eval_loss: float | None = None
    created: float = 0.0
    """Unix seconds."""
    run_id: str = ""
    parent: str = ""
    data_sha256: str = ""
    predicted_memory: int | None = None
    peak_memory: int | None = None
    versions: Mapping[str, str] | None = None
    plan: Mapping[str, Any] | None = None
    files: Mapping[str, str] | None = None
    """File name to SHA-256; filled in by `write_facts`."""


def adapter_files(folder: Path) -> list[Path]:
    """Return the files of an adapter's folder that belong to it, by name.

    Links and anything that is no plain file of a known name are left out.
    """
    return sorted(
        path
        for path in folder.iterdir()
        if path.name in _FILES and path.is_file() and not path.is_symlink()
    )


def write_facts(folder: Path, facts: AdapterFacts) -> AdapterFacts:
    """Write ``tunesmith.json`` whole and return what it holds, hashes included."""
    hashes = {path.name: durable.sha256(path) for path in adapter_files(folder)}
    stamped = replace(facts, files=hashes)
    rewrite_facts(folder, stamped)
    return stamped


def rewrite_facts(folder: Path, facts: AdapterFacts) -> None:
    """Write ``tunesmith.json`` with the hashes that `facts` already holds."""
    tree = {"version": _VERSION, **to_json(facts)}
    durable.replace_text(
        folder / FACTS_NAME, json.dumps(tree, indent=1, ensure_ascii=False)
    )


def read_facts(folder: Path) -> AdapterFacts:
    """Return what ``tunesmith.json`` says; defaults where it is missing or damaged."""
    path = folder / FACTS_NAME
    try:
        if path.stat().st_size > _MOST_BYTES:
            return AdapterFacts()
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return AdapterFacts()
    if not isinstance(found, dict):
        return AdapterFacts()
    return _sound(known_fields(AdapterFacts, cast("dict[str, Any]", found)))


_KINDS: dict[str, tuple[type[Any], ...]] = {
    "tags": (list,),
    "starred": (bool,),
    "train_loss": (int, float),
    "eval_loss_before": (int, float),
    "eval_loss": (int, float),
    "created": (int, float),
    "predicted_memory": (int,),
    "peak_memory": (int,),
    "versions": (dict,),
    "plan": (dict,),
    "files": (dict,),
}


def _sound(pairs: dict[str, Any]) -> AdapterFacts:
    """Return the facts whose values have the right kind; the others keep defaults."""
    kept = {
        key: value
        for key, value in pairs.items()
        if isinstance(value, _KINDS.get(key, (str,)))
    }
    if "tags" in kept:
        kept["tags"] = tuple(str(tag)[:100] for tag in kept["tags"])
    return AdapterFacts(**kept)
