"""``chat``: one prompt answered by the base and each adapter, or a talk in the terminal."""

import sys
from collections.abc import Iterator
from typing import Any

from core.chat.events import (
    Answered,
    ChatEvent,
    Loading,
    Said,
    Sampling,
    Voice,
    encode_event,
)
from core.cli.console import Console
from core.cli.local_model import model_path
from core.cli.request import Request
from core.cli.voices import Choir, voice_named
from core.errors import RequestError
from core.library import shelf

_BASE = Voice()


def chat(request: Request) -> int:
    """Answer one prompt, or talk until the input ends."""
    arguments = request.arguments
    voices = [voice_named(wanted, request.places) for wanted in arguments.adapter]
    sampling = _sampling(request)  # refused before a model is loaded for nothing
    path = model_path(request, arguments.model or _base_of(request, voices))
    speaker = _Speaker(request.console)
    with Choir(tell=speaker.tell) as choir:
        choir.load(path, quantized=arguments.quantized)
        answer = _talk if arguments.prompt is None else _once
        return answer(request, choir, speaker, [_BASE, *voices], sampling)


def answer_document(answered: Answered) -> dict[str, Any]:
    """Return one answer as interfaces.md names its keys; the base's adapter is null."""
    return {
        "adapter": answered.adapter or None,
        "text": answered.text,
        "tokens": answered.tokens,
        "first_token_s": answered.first_token_s,
        "tokens_per_s": answered.tokens_per_s,
        "stopped": answered.stopped,
    }


class _Speaker:
    """Tells the worker's events: as lines of JSON, or as text that grows."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._names: list[str] = []
        self._speaking: int | None = None

    def introduce(self, voices: list[Voice]) -> None:
        """Say who answers next, in the order of the request."""
        self._names = [voice.adapter or "base" for voice in voices]

    def tell(self, event: ChatEvent) -> None:
        self._console.event(encode_event(event))
        match event:
            case Loading():
                self._console.draw(f"Loading {event.what}")
            case Said():
                if self._speaking != event.voice:
                    self._console.say(f"\n{self._names[event.voice]}:")
                    self._speaking = event.voice
                self._console.say(event.text, end="")
            case Answered():
                self._console.say("")
                self._speaking = None
            case _:
                return


def _once(
    request: Request,
    choir: Choir,
    speaker: _Speaker,
    voices: list[Voice],
    sampling: Sampling,
) -> int:
    messages = [*_system(request), _said("user", request.arguments.prompt)]
    speaker.introduce(voices)
    answers = choir.ask(messages, voices, sampling)
    document = {"answers": [answer_document(answered) for answered in answers]}
    # a person has read the answers as they came
    request.console.answer(document, "")
    return 0


def _talk(
    request: Request,
    choir: Choir,
    speaker: _Speaker,
    voices: list[Voice],
    sampling: Sampling,
) -> int:
    """Talk with all voices; each keeps its own thread of the conversation."""
    threads = [_system(request) for _ in voices]
    answers: list[dict[str, Any]] = []
    if sys.stdin.isatty():
        request.console.note("Write a line and press Enter. Ctrl-D ends the talk.")
    for line in _lines(request.console):
        for voice, thread in zip(voices, threads, strict=True):
            speaker.introduce([voice])
            thread.append(_said("user", line))
            answered = choir.ask(thread, [voice], sampling)[0]
            thread.append(_said("assistant", answered.text))
            answers.append({"prompt": line, **answer_document(answered)})
    request.console.answer({"answers": answers}, "")
    return 0


def _lines(console: Console) -> Iterator[str]:
    while True:
        console.say("\nyou: ", end="")
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()


def _base_of(request: Request, voices: list[Voice]) -> str:
    named = [voice.adapter for voice in voices]
    bases = {
        record.base_path or record.base_model
        for record in shelf.all_adapters(request.places)
        if record.adapter_id in named
    }
    if len(bases) != 1:
        raise RequestError(
            "usage",
            "Say which base model answers: --model.",
            hint="“tunesmith models” lists them.",
        )
    return bases.pop()


def _system(request: Request) -> list[dict[str, str]]:
    text: str = request.arguments.system
    return [_said("system", text)] if text else []


def _said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _sampling(request: Request) -> Sampling:
    arguments = request.arguments
    _require_within("--max-tokens", arguments.max_tokens, 1, 1 << 24)
    _require_within("--temperature", arguments.temperature, 0, 100)
    _require_within("--top-p", arguments.top_p, 0, 1)
    _require_within("--seed", arguments.seed, 0, (1 << 63) - 1)
    return Sampling(
        temperature=arguments.temperature,
        top_p=arguments.top_p,
        max_tokens=arguments.max_tokens,
        seed=arguments.seed,
    )


def _require_within(flag: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # so said, it refuses what is no number, too
        raise RequestError(
            "usage.value",
            f"{flag} cannot be {value}; it must lie between {low:,} and {high:,}.",
            hint="“tunesmith chat --help” says what there is without it.",
        )
