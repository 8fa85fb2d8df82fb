"""How much room our loop loses between blocks, with segments that can grow.

    python -m benchmarks.estimate_growing [--settings N] [--seed S]

Our worker asks torch for ``expandable_segments``: one segment for small and one for
large blocks, growing by pages of 2 and 20 MiB. Random settings in 16 bits are acted out
layer by layer with such an allocator; the spread of reserved over handed out is what
`core.estimate.outside` takes its share and its bounds for our loop from. Nothing here was
measured on a card. When memory runs out torch gives whole free pages back, so what a run
needs lies below what it reserves while there is room.
"""

import argparse
import random
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from benchmarks.estimate_random import MODELS, random_plan
from core.estimate.acting import allocator as allocators
from core.estimate.acting.allocator import Allocator
from core.estimate.acting.replay import Replayed, replay
from core.estimate.loop import habits
from core.estimate.outside import workspace_bytes
from core.hardware.budget import device_budget
from core.models.catalogue import catalogue_shape
from core.models.shape import ModelShape
from core.plan.plan import Plan
from core.units import MIB

_PAGES = {True: 2 * MIB, False: 20 * MIB}
_SMALL = MIB
_LEAST_REST = 512


class GrowingAllocator(Allocator):
    """One segment a pool; a missing block is added at its end, page by page."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[bool, Any] = {True: None, False: None}
        self._end = {True: 0, False: 1 << 50}

    def take(self, size: int) -> int:
        small = size <= _SMALL
        waiting = self._free[small]
        fitting = next((at for at, free in enumerate(waiting) if free[0] >= size), None)
        if fitting is None:
            block = self._grown(size, small=small)
        else:
            block = self._blocks[waiting.pop(fitting)[1]]
        block.free = False
        if block.size - size >= _LEAST_REST:
            self._split(block, size)
        self.allocated += block.size
        self.peak_allocated = max(self.peak_allocated, self.allocated)
        return block.address

    def empty_cache(self) -> None:
        """Keep every page: 16-bit weights leave none free while they load."""

    def _grown(self, size: int, *, small: bool) -> Any:
        page, last = _PAGES[small], self._last[small]
        have = last.size if last is not None and last.free else 0
        added = -(-(size - have) // page) * page
        self.reserved += added
        self.peak = max(self.peak, self.reserved)
        start, self._end[small] = self._end[small], self._end[small] + added
        if have:
            self._unlist(last)
            last.size += added
            return last
        block = self._new(start, added, small=small)
        if last is not None:
            last.after, block.before = block, last
        self._last[small] = block
        return block

    def _split(self, block: Any, size: int) -> None:
        super()._split(block, size)
        if self._last[block.small] is block:
            self._last[block.small] = block.after

    def _merge(self, first: Any, second: Any) -> Any:
        if self._last[first.small] is second:
            self._last[first.small] = first
        return super()._merge(first, second)


def acted_out(plan: Plan, shape: ModelShape) -> Replayed:
    """Return the peaks of our loop on a card whose segments grow."""
    card = device_budget(gpu_name="RTX 4090")
    with patch.object(allocators, "Allocator", GrowingAllocator):
        return replay(
            shape,
            plan,
            habits(plan, card, "tunesmith"),
            workspace_bytes=workspace_bytes(card),
        )


def main(arguments: Sequence[str]) -> int:
    """Print the share lost by kernel and checkpointing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--settings", type=int, default=90, metavar="N")
    parser.add_argument("--seed", type=int, default=5)
    chosen = parser.parse_args(arguments)
    chance = random.Random(chosen.seed)
    lost: dict[str, list[float]] = {}
    for _ in range(chosen.settings):
        plan, shape = (
            random_plan(chance, "bf16"),
            catalogue_shape(chance.choice(MODELS)),
        )
        assert shape is not None
        train = replace(plan.train, gradient_accumulation=1)
        plan = replace(plan, method=replace(plan.method, kind="lora"), train=train)
        found = acted_out(plan, shape)
        words = f"{train.attention}, checkpointing {train.gradient_checkpointing}"
        lost.setdefault(words, []).append(100 * (found.reserved / found.allocated - 1))
    print(
        f"{'reserved beyond handed out, %':32s} {'runs':>5s} {'median':>7s} {'p90':>6s}"
        f" {'most':>6s}"
    )
    for words, shares in sorted(lost.items()):
        shares.sort()
        print(
            f"{words:32s} {len(shares):5d} {statistics.median(shares):7.1f}"
            f" {shares[int(0.9 * len(shares))]:6.1f} {shares[-1]:6.1f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
