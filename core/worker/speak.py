"""The chat worker: orders on stdin, events on stdout, one base model in memory."""

import queue
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.chat.events import (
    Answered,
    Ask,
    ChatEvent,
    ChatFailed,
    ChatOrder,
    Finished,
    Hush,
    Load,
    Loading,
    Prompted,
    Quit,
    Ready,
    Said,
    decode_order,
    encode_event,
)
from core.errors import RequestError, TunesmithError
from core.worker.channel import Speaker as Mouth
from core.worker.channel import private_stdout

if TYPE_CHECKING:
    from core.engine.speaker import Speaker

_ROOMIER = (
    "Close other programs, hold the base in 4 bits, choose a smaller one, or start a new"
    " conversation: a long one takes memory too."
)


class Inbox:
    """Orders in their turn. `Hush` does not wait: it stops what was asked before it."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self._orders: queue.Queue[tuple[int, ChatOrder]] = queue.Queue()
        self._asked = 0
        self._hushed = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def next(self) -> tuple[int, ChatOrder]:
        """Return the next order and its number; wait for it."""
        return self._orders.get()

    def is_hushed(self, number: int) -> bool:
        """Return whether the order with this number is to stop."""
        return number <= self._hushed

    def _read(self) -> None:
        for line in self._lines:
            order = decode_order(line)
            if isinstance(order, Hush):
                self._hushed = self._asked
            elif order is not None:
                self._asked += 1
                self._orders.put((self._asked, order))
        self._hushed = self._asked  # nobody listens any more
        self._orders.put((self._asked + 1, Quit()))


@dataclass(slots=True)
class _Chat:
    """What is in memory: nothing yet, or a base that speaks."""

    speaker: "Speaker | None" = None


def chat() -> int:
    """Answer orders until `Quit` or the end of stdin; return the exit status."""
    mouth = Mouth(private_stdout())
    inbox = Inbox(sys.stdin)

    def tell(event: ChatEvent) -> None:
        mouth.say(encode_event(event))

    state = _Chat()
    while True:
        number, order = inbox.next()
        match order:
            case Quit():
                return 0
            case Hush():
                continue
            case Load():
                state.speaker = (
                    None  # nothing else holds the old base: room for the new
                )
                state.speaker = _attempt(lambda o=order: _load(o, tell), tell, 0)
            case Ask():
                _attempt(
                    lambda o=order, n=number: _answer(state.speaker, o, n, inbox, tell),
                    tell,
                    order.request,
                )


def _attempt(work: Any, tell: Any, request: int) -> Any:
    """Return what `work` gives, or tell why it failed and return None."""
    try:
        return work()
    except BaseException as err:  # noqa: BLE001 - process boundary: the chat lives on
        tell(_failed(err, request))
        return None


def _failed(err: BaseException, request: int) -> ChatFailed:
    told = _translated(err)
    if told is None:
        traceback.print_exception(err, file=sys.stderr)
        message = f"Something went wrong inside: {type(err).__name__}: {err}"
        return ChatFailed(code="bug", message=message, request=request)
    hint = _ROOMIER if told.code == "memory.out" else told.hint
    return ChatFailed(code=told.code, message=told.message, hint=hint, request=request)


def _translated(err: BaseException) -> TunesmithError | None:
    if isinstance(err, TunesmithError):
        return err
    from core.engine.failures import as_ours

    return as_ours(err, Path.cwd())


def _load(order: Load, tell: Any) -> "Speaker":
    tell(Loading(what="engine"))
    from core.engine.device import compute_for, use_physical_cores
    from core.engine.load import give_back_memory
    from core.engine.meter import MemoryMeter
    from core.engine.speaker import Speaker

    use_physical_cores()
    compute = compute_for(_dtype(order.compute_dtype))
    give_back_memory(compute)  # of the base before
    tell(Loading(what="model"))
    meter = MemoryMeter(compute)
    speaker = Speaker(
        Path(order.model_path), compute=compute, quantized=order.quantized
    )
    memory, _ = meter.take()
    tell(
        Ready(
            device=compute.device.type, dtype=compute.dtype_name, memory=max(memory, 0)
        )
    )
    return speaker


def _dtype(name: str) -> Any:
    if name in {"auto", "bf16", "fp16", "fp32"}:
        return name
    raise RequestError(
        "chat.dtype",
        f"“{name}” is no number format.",
        hint="Use auto, bf16, fp16 or fp32.",
    )


def _answer(
    speaker: "Speaker | None", order: Ask, number: int, inbox: Inbox, tell: Any
) -> None:
    if speaker is None:
        raise RequestError(
            "chat.nothing_loaded",
            "No base model is loaded.",
            hint="Choose a base model first.",
        )
    for voice in order.voices:
        speaker.prepare(voice)
    text, ids = speaker.prompt(order.messages)
    tell(Prompted(request=order.request, text=text, tokens=len(ids)))
    for index in range(len(order.voices)):
        if inbox.is_hushed(number):
            break
        _say(speaker, order, index, ids, number, inbox, tell)
    tell(Finished(request=order.request))


def _say(
    speaker: "Speaker",
    order: Ask,
    index: int,
    ids: list[int],
    number: int,
    inbox: Inbox,
    tell: Any,
) -> None:
    voice = order.voices[index]
    began = time.perf_counter()
    first_s, count, said = 0.0, 0, ""
    stopped = False
    tokens = speaker.tokens(ids, voice, order.sampling)
    for piece, count in speaker.words(tokens):  # noqa: B007 - read after the loop
        first_s = first_s or time.perf_counter() - began
        said += piece
        if piece:
            tell(Said(request=order.request, voice=index, text=piece))
        if inbox.is_hushed(number):
            stopped = True
            break
    seconds = time.perf_counter() - began
    tell(
        Answered(
            request=order.request,
            voice=index,
            adapter=voice.adapter,
            text=said,
            tokens=count,
            first_token_s=first_s,
            tokens_per_s=count / seconds if seconds > 0 else 0.0,
            stopped=stopped or count >= order.sampling.max_tokens,
        )
    )
