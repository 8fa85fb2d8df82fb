"""The answer to "will it fit?" for everything but training. All bytes."""

from dataclasses import dataclass
from typing import Literal

from core.estimate.answer import Verdict

UseKind = Literal["chat", "evaluate", "merge", "export"]
Where = Literal["device", "host", "disk"]
ExportFormat = Literal[
    "peft-dir", "peft-zip", "gguf-lora", "merged", "merged-nf4", "gguf", "gguf-q8_0",
    "ollama",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class UsePart:
    """One thing that takes room."""

    name: str
    size: int
    formula: str
    """How `size` comes about, with numbers: ``2 B × 134,515,008 parameters``."""
    where: Where = "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class UseEstimate:
    """What one use of a model needs at its peak, judged against what is free.

    `parts` sum to `device`, `host` and `disk`, each to its own. On a processor device
    and host are the same memory: both figures are that one, told once in `parts`.
    `low` and `high` bound `device`, or `host` where nothing is on the device.
    """

    use: UseKind
    device: int
    low: int
    high: int
    host: int
    disk: int
    parts: tuple[UsePart, ...]
    available: int | None
    """Free bytes of what `low` and `high` bound; None where nobody asked."""
    verdict: Verdict
    reason: str

    @property
    def fits(self) -> bool:
        return self.verdict in {"fits", "tight"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a use takes, before anything is said about what is free."""

    parts: tuple[UsePart, ...]
    less: int
    """The main figure may be smaller by this."""
    more: int
    """… or larger by this."""
    gone: int = 0
    """Bytes of disk that `parts` name and that are deleted at the end."""

    def total(self, where: Where) -> int:
        """Return the bytes needed in one place."""
        return sum(part.size for part in self.parts if part.where == where)
