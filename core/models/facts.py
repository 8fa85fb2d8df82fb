"""What is known of a base model without loading it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Source = Literal["starter", "catalogue", "local", "hub"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """A base model: where it is, how large, and whether it can be trained."""

    id: str
    """``starter``, a Hub id or the path of a folder: what a plan's model.id holds."""
    name: str
    source: Source
    path: Path | None = None
    """Its folder on this disk, if it is here and whole."""
    parameters: int | None = None
    architecture: str = ""
    context_length: int | None = None
    licence: str = ""
    disk: int | None = None
    """Bytes: on disk if it is here, else to download."""
    gated: bool = False
    problem: str = ""
    """Why it cannot be trained; empty if it can."""
    hint: str = ""

    @property
    def local(self) -> bool:
        return self.path is not None
