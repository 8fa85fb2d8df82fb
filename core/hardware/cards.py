"""Graphics cards by name: the table of resources/gpus.json."""

import difflib
import functools
import importlib.resources
import json
import re
from dataclasses import dataclass
from typing import Literal

from core.errors import RequestError
from core.units import MIB

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
    names = [card.name for card in cards()]
    lowered = {card.lower(): card for card in names}
    near = difflib.get_close_matches(name.lower(), list(lowered), 3, 0.3)
    hint = "Did you mean " + " or ".join(lowered[key] for key in near) + "? "
    raise RequestError(
        "gpu.unknown",
        f"No graphics card called “{name}” is in the table.",
        hint=(hint if near else "") + "Or give its memory: --gpu-memory 12GiB.",
    )


@functools.lru_cache(maxsize=64)
def card_of(name: str, memory: int) -> Card | None:
    """Return the row for a card as its driver names it, or None where none is meant.

    Drivers say more than the table ("NVIDIA A100-SXM4-80GB", "... Laptop GPU"), so the
    row whose words all occur and that says most is taken; of several sizes the nearest
    to `memory` bytes, and none that is a third off: another card hides behind the name.
    """
    said = _words(name)
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
    spaced = re.sub(r"(?<=\d)(?=gi?b)", " ", name.lower())
    words = re.findall(r"[a-z0-9]+", spaced)
    return frozenset(words) - {"nvidia", "geforce", "gb", "gib", "graphics", "tesla"}
