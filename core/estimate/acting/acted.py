"""Which layers of a step are acted out, and which others each of them stands for.

Layers of one kind hold the same, so of each kind the first and the last are acted out.
Between two such layers memory grows or falls steadily, so a peak lies at one of them.
"""

from collections import Counter
from dataclasses import dataclass, field

from core.models.shape import Block, ModelShape


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Bytes one layer of a kind holds."""

    saved: int = 0
    """Until its backward pass."""
    casts: int = 0
    """16-bit copies of its adapter that stay until the forward pass is over."""
    cached: int = 0
    """Keys and values that stay as long as the outputs."""
    small: int = 0
    """Of `saved`, in blocks of the allocator's small pool, where those are told apart."""
    small_casts: int = 0
    """Of `casts`, likewise."""


@dataclass(slots=True)
class Acted:
    """A layer that is acted out."""

    kind: int
    """Which block of the shape it is."""
    block: Block
    above: Counter[int] = field(default_factory=Counter[int])
    """How many layers of each kind come after it and before the next one acted out."""
    last_node: int = 0
    peak: list[int] = field(default_factory=list[int])
    """Bytes of each kind at its own peak going forward."""


def to_act(shape: ModelShape) -> list[Acted]:
    """Return the layers to act out, in their order."""
    order = _order(shape)
    found: list[Acted] = []
    chosen = {order.index(kind) for kind in set(order)}
    chosen |= {len(order) - 1 - order[::-1].index(kind) for kind in set(order)}
    if shape.architecture == "falcon":  # which lets go of the scores of the one before
        chosen.add(1)
    for place, kind in enumerate(order):
        if place in chosen:
            found.append(Acted(kind=kind, block=shape.blocks[kind]))
        else:
            found[-1].above[kind] += 1
    return found


def all_layers(shape: ModelShape) -> list[Acted]:
    """Return every layer."""
    return [Acted(kind=kind, block=shape.blocks[kind]) for kind in _order(shape)]


def _order(shape: ModelShape) -> list[int]:
    return list(shape.order) or [
        kind for kind, block in enumerate(shape.blocks) for _ in range(block.count)
    ]
