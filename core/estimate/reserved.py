"""What torch's allocator reserves for our loop on a card, pool by pool.

The two pools are full at different times and neither gives anything back between (see
`core.estimate.acting.pools`). In steady state what stays lies at the bottom; above it
come the step's own tensors, or, in the optimiser's step, gradients and temporaries.
"""

from collections.abc import Iterator

from core.estimate.acting.pools import (
    LARGE_PAGE_BYTES,
    SMALL_PAGE_BYTES,
    GrowingHeap,
    PoolsTape,
    SegmentsHeap,
    pages,
)
from core.estimate.acting.tape import SMALL_BYTES, rounded
from core.estimate.loop import Habits
from core.estimate.outside import workspace_bytes
from core.estimate.static import Static, adapter_tensors, frozen_tensors, state_sizes
from core.hardware.budget import DeviceBudget
from core.models.shape import ModelShape
from core.plan.plan import Plan


class Reserve:
    """The pools of one plan on one card; act the step out on `tape`, then ask."""

    def __init__(
        self, shape: ModelShape, plan: Plan, habits: Habits, budget: DeviceBudget
    ) -> None:
        self._grows = budget.growing_segments
        self._heap = GrowingHeap() if self._grows else SegmentsHeap()
        self._adapter = list(adapter_tensors(shape, plan.method))
        self._small, self._large = 0, 0
        for size, count in self._staying(shape, plan, habits):
            self._stay(size, count)
        self.tape = PoolsTape(self._heap, workspace_bytes(budget))

    @property
    def small_gradients(self) -> int:
        """Bytes of all gradients in the small pool."""
        sizes = ((rounded(4 * n), count) for n, count in self._adapter)
        return sum(size * count for size, count in sizes if size <= SMALL_BYTES)

    def bytes(self, stays: Static) -> int:
        """Return what is reserved once the step was acted out on `tape`."""
        small, tape = self.small_gradients, self.tape
        share = small / stays.gradients if stays.gradients else 0
        stepping = stays.gradients + stays.foreach
        small_step = small + round(share * stays.foreach)
        small_peak = self._small + max(tape.small_peak, small_step)
        large_peak = self._large + max(tape.large_peak, stepping - small_step)
        page = LARGE_PAGE_BYTES if self._grows else SMALL_PAGE_BYTES
        return pages(small_peak, SMALL_PAGE_BYTES) + pages(large_peak, page)

    def _staying(
        self, shape: ModelShape, plan: Plan, habits: Habits
    ) -> Iterator[tuple[int, int]]:
        for size, count, _ in frozen_tensors(shape, plan.method, habits):
            yield size, count
        for elements, count in self._adapter:
            yield rounded(4 * elements), count
        for size, count, paged in state_sizes(self._adapter, 4, plan.train.optimizer):
            if not paged:
                yield size, count

    def _stay(self, size: int, count: int) -> None:
        if size <= SMALL_BYTES:
            self._small += size * count
        elif self._grows:
            self._large += size * count
        else:  # each in a segment of its own, or beside its like
            for _ in range(count):
                self._heap.take(size)
