"""An adapter in the library: what it is, where it came from, how good it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterRecord:
    """One adapter's folder, as its ``tunesmith.json`` and PEFT files tell it."""

    adapter_id: str
    name: str
    path: Path
    base_model: str
    """What the plan named: an id or a folder."""
    base_path: str = ""
    """The folder it was trained on, where it is known."""
    method: str = ""
    rank: int | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    starred: bool = False
    size: int = 0
    """Bytes on disk."""
    eval_loss_before: float | None = None
    eval_loss: float | None = None
    created: float = 0.0
    """Unix seconds."""
    run_id: str = ""
    parent: str = ""
    data_sha256: str = ""
    predicted_memory: int | None = None
    peak_memory: int | None = None
    versions: dict[str, str] | None = None
    plan: dict[str, Any] | None = None
    ok: bool = True
    problem: str = ""
    """Why it cannot be loaded; empty if it can."""
