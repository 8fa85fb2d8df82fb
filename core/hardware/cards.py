"""Graphics cards by name: the table of resources/gpus.json."""

import difflib
import functools
import importlib.resources
import json
import re
from dataclasses import dataclass
from typing import Literal

from core.errors import RequestError
from core.units import GIB, MIB

CardKind = Literal["consumer", "laptop", "workstation", "data-centre"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One model of graphics card, as its maker describes it."""

    name: str
    kind: CardKind
    memory: int
    """Bytes a program can see with the driver loaded and nothing else running."""
    bandwidth_bytes_per_s: float
    bf16_flops: float
    """Dense tensor-core rate with 32-bit accumulation, bfloat16; 0 without it."""
    fp16_flops: float
    fp32_flops: float
    """Of the ordinary units: torch keeps 32-bit products off the tensor cores."""
    compute_capability: tuple[int, int]
    source: str


@functools.cache
def cards() -> tuple[Card, ...]:
    """Return every card of the table, as in the file."""
    text = importlib.resources.files("resources").joinpath("gpus.json")
    table = json.loads(text.read_text(encoding="utf-8"))
    return tuple(
        Card(
            name=row["name"],
            kind=row["kind"],
            memory=round(row["memory_mib"] * MIB),
            bandwidth_bytes_per_s=row["bandwidth_gb_per_s"] * 1e9,
            bf16_flops=row["bf16_tflops"] * 1e12,
            fp16_flops=row["fp16_tflops"] * 1e12,
            fp32_flops=row["fp32_tflops"] * 1e12,
            compute_capability=(row["sm"] // 10, row["sm"] % 10),
            source=row["source"],
        )
        for row in table["cards"]
    )


def find_card(name: str) -> Card:
    """Return the card a person means by ``4090``, ``rtx 3060`` or ``A100-80GB``.

    Raises:
        RequestError: None, or more than one with different memory; names the nearest.
    """
    wanted = _words(name)
    found = [card for card in cards() if wanted and wanted <= _words(card.name)]
    exact = [card for card in found if wanted == _words(card.name)]
    if len(exact) == 1:
        return exact[0]
    if found:
        # "4090" fits "RTX 4090" and "RTX 4090 Laptop": the plainest name is meant.
        shortest = min(len(_words(card.name)) for card in found)
        plain = [card for card in found if len(_words(card.name)) == shortest]
        if len(plain) == 1:
            return plain[0]
        raise RequestError(
            "gpu.ambiguous",
            f"“{name}” can be more than one card.",
            hint="Name one of: " + ", ".join(card.name for card in plain[:8]) + ".",
        )
    told = _by_all_it_says(name)
    if told is not None:
        return told
    near = _nearest(name)
    hint = "Did you mean " + " or ".join(near) + "? "
    raise RequestError(
        "gpu.unknown",
        f"No graphics card called “{name}” is in the table.",
        hint=(hint if near else "") + "Or give its memory: --gpu-memory 12GiB.",
    )


def _nearest(name: str) -> list[str]:
    """Return up to three names that share most words with `name`, or sound like it."""
    wanted, scores = _words(name), dict[str, tuple[int, float]]()
    for card in cards():
        alike = difflib.SequenceMatcher(None, name.lower(), card.name.lower()).ratio()
        common = len(wanted & _words(card.name) - {"rtx", "gtx", "laptop", "ti"})
        if common or alike >= 0.3:
            scores[card.name] = common, alike
    return sorted(scores, key=lambda known: scores[known], reverse=True)[:3]


def _by_all_it_says(name: str) -> Card | None:
    """Return the row meant by a name that says more than the table's, or None.

    As drivers and shops do: ``RTX 3060 12GB``, ``NVIDIA A100-SXM4-40GB``.
    """
    size = re.search(r"(\d+)\s*gi?b\b", name.lower())
    if size is not None:
        return card_of(name, int(size.group(1)) * GIB)
    found = {card_of(name, card.memory) for card in cards()} - {None}
    return found.pop() if len(found) == 1 else None


@functools.lru_cache(maxsize=256)
def card_of(name: str, memory: int) -> Card | None:
    """Return the row for a card as its driver names it, or None where none is meant.

    Drivers say more than the table ("NVIDIA A100-SXM4-80GB", "... Laptop GPU"), so the
    row whose words all occur and that says most is taken; of several sizes the nearest
    to `memory` bytes, and none that is a third off: another card hides behind the name.
    A row's own name means that row, whatever share of its memory there is.
    """
    said = _words(name)
    for card in cards():
        if card.name == name:
            return card
    near = [
        card
        for card in cards()
        if _model_words(card.name) <= said
        and ("laptop" in said) == (card.kind == "laptop")
        and abs(card.memory - memory) <= memory / 3
    ]
    if not near:
        return None
    return max(
        near,
        key=lambda card: (
            len(_model_words(card.name)),
            -abs(card.memory - memory),
        ),
    )


def _model_words(name: str) -> frozenset[str]:
    """Return the telling words of a row without its size, which memory tells."""
    plain = re.sub(r"\b\d+GB\b", "", name)
    return _words(plain) - {"sxm"}


def _words(name: str) -> frozenset[str]:
    """Return the telling words: letters and numbers apart, makers' words dropped."""
    plain = re.sub(r"\b(mobile|notebook)\b", "laptop", name.lower())
    plain = re.sub(r"(rtx|gtx)(?=\d)", r"\1 ", plain)
    plain = re.sub(r"(?<=\d)(?=ti|super|laptop|gi?b)|(?<=ti)(?=super)", " ", plain)
    words = re.findall(r"[a-z0-9]+", plain)
    return frozenset(words) - {"nvidia", "geforce", "gb", "gib", "graphics", "tesla"}
