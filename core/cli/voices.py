"""The base and its adapters, answering through the chat worker."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from core.chat.events import (
    Answered,
    Ask,
    ChatEvent,
    ChatFailed,
    Finished,
    Load,
    Quit,
    Ready,
    Sampling,
    Voice,
    decode_event,
    encode_order,
)
from core.errors import LibraryError, WorkFailed, error_of
from core.launch import JsonLines
from core.library import shelf
from core.library.inspect import require_usable
from core.places import Places, expanded, is_file

Message = Mapping[str, str]
Tell = Callable[[ChatEvent], None]


def voice_named(wanted: str, places: Places) -> Voice:
    """Return the adapter a person means by ``A`` or ``A@0.5``.

    Args:
        wanted: An id or name of the library, or the path of a PEFT folder; with
            ``@SCALE`` behind it where it is not to speak at full strength.
        places: Where the library is.

    Raises:
        LibraryError: There is no such adapter, or it cannot be used.
    """
    name, at, scale_text = wanted.rpartition("@")
    scale = _number(scale_text) if at else None
    name, scale = (wanted, 1.0) if scale is None else (name, scale)
    if not math.isfinite(scale):
        raise LibraryError(
            "library.scale",
            f"An adapter cannot speak at the strength {scale_text}.",
            hint="1 is as it was trained, 0.5 is half of that.",
        )
    folder = expanded(name)
    if is_file(folder / "adapter_config.json"):
        require_usable(folder)
        return Voice(adapter=name, path=str(folder.absolute()), scale=scale)
    record = shelf.find(places, name)
    if not record.ok:
        raise LibraryError(
            "library.damaged", record.problem, hint="Train it again from its run."
        )
    return Voice(adapter=record.adapter_id, path=str(record.path), scale=scale)


class Choir:
    """One base in memory in a child process, and whoever is asked with it.

    Use as a context: leaving it ends the child.
    """

    def __init__(self, *, tell: Tell) -> None:
        self._child = JsonLines(["chat"])
        self._lines = self._child.lines()
        self._tell = tell
        self._request = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._child.send(encode_order(Quit()))
        else:
            self._child.kill()
        self._child.hang_up()
        for _ in self._lines:  # until it has freed the device and is gone
            continue

    def load(self, model_path: Path, *, quantized: bool = False) -> Ready:
        """Load the base and return what it took.

        Raises:
            ModelError: It cannot be loaded.
            WorkFailed: There was no room for it, or the child died.
        """
        self._child.send(
            encode_order(Load(model_path=str(model_path), quantized=quantized))
        )
        for event in self._events():
            if isinstance(event, Ready):
                return event
        raise self._died()

    def ask(
        self, messages: Sequence[Message], voices: Sequence[Voice], sampling: Sampling
    ) -> list[Answered]:
        """Return the answer of each voice, in order.

        Raises:
            LibraryError: An adapter cannot be used.
            WorkFailed: An answer failed, or the child died.
        """
        self._request += 1
        order = Ask(
            request=self._request,
            messages=tuple(messages),
            voices=tuple(voices),
            sampling=sampling,
        )
        self._child.send(encode_order(order))
        answers: list[Answered] = []
        for event in self._events():
            if isinstance(event, Answered):
                answers.append(event)
            elif isinstance(event, Finished):
                return answers
        raise self._died()

    def _events(self) -> Iterator[ChatEvent]:
        for line in self._lines:
            event = decode_event(line)
            if event is None:
                continue
            self._tell(event)
            if isinstance(event, ChatFailed):
                raise error_of(event.code, event.message, hint=event.hint)
            yield event

    def _died(self) -> WorkFailed:
        noise = self._child.noise.strip().splitlines()
        return WorkFailed(
            "chat.died",
            "The chat process ended unexpectedly.",
            hint=f"Its last words were: {noise[-1].strip()}"
            if noise
            else "It may have run out of memory. Close other programs and try again.",
        )


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None
