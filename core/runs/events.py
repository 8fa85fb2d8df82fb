"""What a run says, in order: the lines of ``events.jsonl``.

Kinds and keys are those of interfaces.md. A reader skips kinds it does not know.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

from core.errors import TunesmithError
from core.wire import from_json, to_json

PhaseName = Literal["prepare", "load", "tokenize", "train", "evaluate", "save", "done"]
EndStatus = Literal["done", "paused", "stopped", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """The run entered a phase."""

    kind: ClassVar[str] = "phase"
    t: float
    phase: PhaseName


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far one long action is. Training itself is ``what="train"``, unit step."""

    kind: ClassVar[str] = "progress"
    t: float
    what: str
    done: float
    total: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Figures after one optimiser step, or one held-out evaluation, at `step`.

    Losses are nats per trained token. Memory is bytes: allocated and reserved by the
    allocator on a GPU, growth of resident memory on CPU.
    """

    kind: ClassVar[str] = "metrics"
    t: float
    step: int
    epoch: float
    loss: float | None = None
    eval_loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    tokens_per_s: float | None = None
    memory_allocated: int | None = None
    memory_reserved: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """The device beside the run: bytes, percent, degrees Celsius, watts."""

    kind: ClassVar[str] = "device"
    t: float
    used: int
    total: int | None = None
    utilization: float | None = None
    temperature: float | None = None
    power: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the model answers now to a held-out prompt."""

    kind: ClassVar[str] = "sample"
    t: float
    step: int
    prompt: str
    text: str
    expected: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A whole checkpoint is on the disk; `path` is relative to the run's folder."""

    kind: ClassVar[str] = "checkpoint"
    t: float
    step: int
    path: str
    best: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something the person should know; the run goes on."""

    kind: ClassVar[str] = "warning"
    t: float
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Something failed and was mended."""

    kind: ClassVar[str] = "recovery"
    t: float
    what: str
    changed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The run cannot go on."""

    kind: ClassVar[str] = "error"
    t: float
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The last event of each stretch of work, with the run's results so far."""

    kind: ClassVar[str] = "end"
    t: float
    status: EndStatus
    step: int = 0
    train_loss: float | None = None
    eval_loss_before: float | None = None
    eval_loss: float | None = None
    best_step: int | None = None
    tokens_per_s: float | None = None
    peak_memory: int | None = None
    adapter_id: str | None = None


RunEvent = (
    Phase
    | Progress
    | Metrics
    | Device
    | Sample
    | Checkpoint
    | Warned
    | Recovery
    | Failed
    | Ended
)
"""A stretch of work is ``Phase … (Ended | Failed Ended)``; `resume` adds a stretch.

A resumed stretch begins at the last whole checkpoint, so the steps since then are
measured again; a reader lets the newer figures of a step replace the older. A stretch
that was killed has no `Ended`, and perhaps a half-written last line.
"""

_BY_KIND: Mapping[str, type[Any]] = {
    cls.kind: cls
    for cls in (
        Phase, Progress, Metrics, Device, Sample, Checkpoint, Warned, Recovery,
        Failed, Ended,
    )
}  # fmt: skip


def encode(event: RunEvent) -> str:
    """Return `event` as one line of JSON, without the line's end."""
    pairs: dict[str, Any] = {"t": event.t, "kind": event.kind, **to_json(event)}
    return json.dumps(pairs, ensure_ascii=False, allow_nan=False)


def decode(text: str) -> RunEvent | None:
    """Return the event of one line, or `None` for a torn line or an unknown kind."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    pairs = cast("dict[str, Any]", found)
    cls = _BY_KIND.get(str(pairs.get("kind")))
    if cls is None:
        return None
    try:
        return from_json(cls, pairs)
    except TypeError:  # written by another version, or damaged
        return None


def failed(err: TunesmithError, *, t: float) -> Failed:
    """Return the event that tells `err`."""
    return Failed(t=t, code=err.code, message=err.message, hint=err.hint)
