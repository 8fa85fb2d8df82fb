"""An adapter's folder, read as a record: quickly for a list, or bit by bit."""

from pathlib import Path

from core import durable
from core.errors import LibraryError
from core.library.adapter_config import AdapterConfig, read_adapter_config
from core.library.facts import FACTS_NAME, adapter_files, read_facts
from core.library.record import AdapterRecord
from core.library.weights import (
    WEIGHTS_NAME,
    read_header,
    require_finite,
    require_lora,
)


def record_of(folder: Path) -> AdapterRecord:
    """Return the record of the adapter in `folder`, a damaged one with ``ok`` false.

    Reads the small files and the header of the weights; never raises for what it finds.
    """
    facts = read_facts(folder)
    config: AdapterConfig | None = None
    problem = ""
    try:
        config = read_adapter_config(folder)
        require_usable(folder)
    except LibraryError as err:
        problem = err.message
    return AdapterRecord(
        adapter_id=folder.name,
        name=facts.name or folder.name,
        path=folder,
        base_model=facts.base_model or (config.base_model if config else ""),
        base_path=facts.base_path,
        method=facts.method or ("lora" if config else ""),
        rank=config.rank if config else None,
        tags=facts.tags,
        note=facts.note,
        starred=facts.starred,
        size=_size(folder),
        eval_loss_before=facts.eval_loss_before,
        eval_loss=facts.eval_loss,
        created=facts.created or _made(folder),
        run_id=facts.run_id,
        parent=facts.parent,
        data_sha256=facts.data_sha256,
        predicted_memory=facts.predicted_memory,
        peak_memory=facts.peak_memory,
        versions=dict(facts.versions) if facts.versions else None,
        plan=dict(facts.plan) if facts.plan else None,
        ok=not problem,
        problem=problem,
    )


def require_usable(folder: Path) -> None:
    """Return if configuration and weights' header are sound.

    Raises:
        LibraryError: Why the adapter must not be loaded.
    """
    read_adapter_config(folder)
    weights = folder / WEIGHTS_NAME
    require_lora(weights, read_header(weights))


def require_whole(folder: Path) -> None:
    """Return if the adapter is usable, unchanged since it was made, and finite.

    Raises:
        LibraryError: The first thing that is wrong.
    """
    require_usable(folder)
    require_unchanged(folder)
    weights = folder / WEIGHTS_NAME
    require_finite(weights, read_header(weights))


def require_unchanged(folder: Path, *names: str) -> None:
    """Return if files are as they were when the adapter was made.

    Args:
        folder: The adapter's. One without recorded hashes is believed.
        names: The files to read; none for all of them.

    Raises:
        LibraryError: One is missing or has other content.
    """
    for name, expected in (read_facts(folder).files or {}).items():
        if names and name not in names:
            continue
        path = folder / name
        if Path(name).name != name or not path.is_file():
            reason = f"{name[:80]} is missing"
        elif durable.sha256(path) != expected:
            reason = f"{name} is not as it was when the adapter was made"
        else:
            continue
        raise LibraryError(
            "library.changed",
            f"{folder.name} is damaged: {reason}.",
            hint="Copy the adapter again, or train it again from its run.",
        )


def _size(folder: Path) -> int:
    files = [*adapter_files(folder), folder / FACTS_NAME]
    return sum(path.stat().st_size for path in files if path.is_file())


def _made(folder: Path) -> float:
    return folder.stat().st_mtime
