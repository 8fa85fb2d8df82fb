"""Which rows go together into a micro-batch, epoch by epoch."""

import random
from collections.abc import Sequence

# Rows of like length are grouped within windows of this many batches: padding shrinks,
# and the order stays random from window to window.
_WINDOW_BATCHES = 16


def batches(
    lengths: Sequence[int], batch_size: int, seed: int, epoch: int
) -> tuple[tuple[int, ...], ...]:
    """Return the micro-batches of one epoch as row numbers; each row exactly once.

    A pure function of its arguments: a resumed run finds the same order. Only one
    batch, the last of the shuffled rows, may be smaller than `batch_size`.
    """
    order = list(range(len(lengths)))
    # A string is hashed with SHA-512: the same on every machine and version.
    chance = random.Random(f"tunesmith:{seed}:{epoch}")  # noqa: S311 - no secret
    chance.shuffle(order)
    if batch_size == 1:
        return tuple((number,) for number in order)
    found: list[tuple[int, ...]] = []
    window_rows = batch_size * _WINDOW_BATCHES
    for at in range(0, len(order), window_rows):
        window = sorted(
            order[at : at + window_rows], key=lambda number: (lengths[number], number)
        )
        groups = [
            tuple(window[start : start + batch_size])
            for start in range(0, len(window), batch_size)
        ]
        chance.shuffle(groups)
        found += groups
    return tuple(found)
