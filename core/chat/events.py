"""What a chat worker hears (orders, one JSON line each) and says (events, likewise)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from core.wire import known_fields, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a reply is drawn. `temperature` 0 is greedy and repeatable."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    max_tokens: int = 256
    seed: int = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Who answers: the base (`adapter` empty) or the base with an adapter."""

    adapter: str = ""
    """An adapter's id in the library, or the path of a PEFT folder."""
    path: str = ""
    """Its folder; the person who sends the order looks it up."""
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Load a base model (a plain transformers folder). Adapters come with `Ask`."""

    order: ClassVar[str] = "load"
    model_path: str
    quantized: bool = False
    compute_dtype: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Answer `messages` with each voice in turn, streaming."""

    order: ClassVar[str] = "ask"
    request: int
    """Echoed in every event of this answer."""
    messages: tuple[Mapping[str, str], ...]
    voices: tuple[Voice, ...]
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hush:
    """Stop the answer that is being given; what was said stands."""

    order: ClassVar[str] = "hush"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quit:
    """Free the device and end. End of file on stdin means the same."""

    order: ClassVar[str] = "quit"


ChatOrder = Load | Ask | Hush | Quit


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """How far loading is; `done` and `total` in the unit of `what`."""

    kind: ClassVar[str] = "loading"
    what: str
    done: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The base is in memory."""

    kind: ClassVar[str] = "ready"
    device: str
    dtype: str
    memory: int
    """Bytes: allocated on a GPU, growth of resident memory on CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompted:
    """The exact text sent to the model, template and all."""

    kind: ClassVar[str] = "prompt"
    request: int
    text: str
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The next piece of an answer."""

    kind: ClassVar[str] = "said"
    request: int
    voice: int
    """Index into the order's voices."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One voice is done."""

    kind: ClassVar[str] = "answered"
    request: int
    voice: int
    adapter: str
    text: str
    tokens: int
    first_token_s: float
    tokens_per_s: float
    stopped: bool = False
    """Cut short by `Hush` or by `max_tokens`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Every voice of the request is done."""

    kind: ClassVar[str] = "finished"
    request: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFailed:
    """An order could not be done; `request` 0 means loading. The worker lives on."""

    kind: ClassVar[str] = "failed"
    code: str
    message: str
    hint: str = ""
    request: int = 0


ChatEvent = Loading | Ready | Prompted | Said | Answered | Finished | ChatFailed

_ORDERS: Mapping[str, type[Any]] = {cls.order: cls for cls in (Load, Ask, Hush, Quit)}
_EVENTS: Mapping[str, type[Any]] = {
    cls.kind: cls
    for cls in (Loading, Ready, Prompted, Said, Answered, Finished, ChatFailed)
}


def encode_order(order: ChatOrder) -> str:
    """Return `order` as one line of JSON, without the line's end."""
    return json.dumps({"order": order.order, **to_json(order)}, ensure_ascii=False)


def decode_order(text: str) -> ChatOrder | None:
    """Return the order of one line, or `None` for anything else."""
    found = _object(text)
    cls = _ORDERS.get(str(found.get("order")))
    if cls is None:
        return None
    pairs = known_fields(cls, found)
    if cls is Ask:
        voices = cast("list[dict[str, Any]]", pairs.get("voices", []))
        pairs["voices"] = tuple(Voice(**known_fields(Voice, v)) for v in voices)
        pairs["messages"] = tuple(pairs.get("messages", ()))
        pairs["sampling"] = Sampling(
            **known_fields(Sampling, pairs.get("sampling", {}))
        )
    return cls(**pairs)


def encode_event(event: ChatEvent) -> str:
    """Return `event` as one line of JSON, without the line's end."""
    return json.dumps({"kind": event.kind, **to_json(event)}, ensure_ascii=False)


def decode_event(text: str) -> ChatEvent | None:
    """Return the event of one line, or `None` for anything else."""
    found = _object(text)
    cls = _EVENTS.get(str(found.get("kind")))
    return None if cls is None else cls(**known_fields(cls, found))


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
