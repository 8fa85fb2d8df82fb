"""The answer to "will it fit?": peak memory of one plan, item by item. All bytes."""

from dataclasses import dataclass
from typing import Literal

from core.estimate.learned import Learned
from core.plan.plan import MethodKind

Loop = Literal["tunesmith", "plain"]
Verdict = Literal["fits", "tight", "too-large", "fits-if-closed", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Bytes by what holds them at the peak; they sum to `process`."""

    weights: int = 0
    quantization: int = 0
    """Scales of the 4- and 8-bit blocks."""
    adapter: int = 0
    gradients: int = 0
    optimizer: int = 0
    activations: int = 0
    logits: int = 0
    workspace: int = 0
    """Dequantised weights, library workspaces, allocator rounding."""
    context: int = 0
    """The driver's own context; nothing on CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Bytes a run will write."""

    adapter: int
    checkpoints: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEstimate:
    """Peak memory of one plan on one device, judged against what is free.

    ``allocated <= reserved <= process`` are the expected values; `low` and `high` bound
    `process`.
    """

    method: MethodKind
    allocated: int
    reserved: int
    process: int
    low: int
    high: int
    components: Components
    available: int | None
    """Free bytes now; None where no device is known."""
    verdict: Verdict
    reason: str
    disk: Disk
    learned: Learned | None = None
    """What finished runs on this machine say; None where there are none."""

    @property
    def fits(self) -> bool:
        return self.verdict in {"fits", "tight"}
