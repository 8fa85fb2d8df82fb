"""A chat worker that speaks the whole protocol, without a process or a model."""

from __future__ import annotations

import queue
from collections.abc import Iterator

from core.chat.events import (
    Answered,
    Ask,
    ChatEvent,
    ChatFailed,
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


class FakePipe:
    """Answers each prompt with "<voice> says <prompt>", word by word.

    With `holds` it stops after the first word until `go_on`, or until it is hushed.
    """

    def __init__(self, *, holds: bool = False) -> None:
        self.asked: list[Ask] = []
        self.loaded: list[Load] = []
        self.load_problem: ChatFailed | None = None
        self.exit_status: int | None = None
        self.noise = ""
        self.hung_up = False
        self._holds = holds
        self._held: Ask | None = None
        self._said: queue.Queue[str | None] = queue.Queue()

    def send(self, line: str) -> None:
        match decode_order(line):
            case Load() as order:
                self._load(order)
            case Ask() as order:
                self._answer(order)
            case Hush():
                self._hush()
            case Quit():
                self.end(0)
            case None:
                raise AssertionError(line)

    def hang_up(self) -> None:
        self.hung_up = True

    def lines(self) -> Iterator[str]:
        while (line := self._said.get()) is not None:
            yield line + "\n"

    def kill(self) -> None:
        self.end(-9)

    def end(self, status: int, noise: str = "") -> None:
        """Be gone, as a process is: with a status and last words."""
        if self.exit_status is None:
            self.exit_status, self.noise = status, noise
            self._said.put(None)

    def go_on(self) -> None:
        """Say the rest of a held answer."""
        held, self._held = self._held, None
        if held is not None:
            self._finish(held, _words(held), stopped=False)

    def say(self, event: ChatEvent) -> None:
        self._said.put(encode_event(event))

    def _load(self, order: Load) -> None:
        self.loaded.append(order)
        self.say(Loading(what="weights", done=1, total=2))
        if self.load_problem is not None:
            self.say(self.load_problem)
        else:
            self.say(Ready(device="cpu", dtype="fp32", memory=541 << 20))

    def _answer(self, order: Ask) -> None:
        self.asked.append(order)
        prompt = "|".join(m["content"] for m in order.messages)
        self.say(Prompted(request=order.request, text=f"<s>{prompt}", tokens=7))
        words = _words(order)
        if self._holds:
            self.say(Said(request=order.request, voice=0, text=words[0]))
            self._held = order
            return
        for word in words:
            self.say(Said(request=order.request, voice=0, text=word))
        self._finish(order, words, stopped=False)

    def _hush(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._finish(held, _words(held)[:1], stopped=True)

    def _finish(self, order: Ask, words: list[str], *, stopped: bool) -> None:
        self.say(
            Answered(
                request=order.request, voice=0, adapter=order.voices[0].adapter,
                text="".join(words), tokens=len(words), first_token_s=0.2,
                tokens_per_s=21.5, stopped=stopped,
            )
        )  # fmt: skip
        self.say(Finished(request=order.request))


def _words(order: Ask) -> list[str]:
    who = order.voices[0].adapter or "base"
    prompt = order.messages[-1]["content"]
    return [f"{who} ", "says ", prompt]
