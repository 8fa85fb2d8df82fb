"""What torch's allocator reserves for our loop on a card, pool by pool.

The two pools are full at different times and neither gives anything back between (see
`core.estimate.acting.pools`). In steady state what stays lies at the bottom; above it
come the step's own tensors, or, in the optimiser's step, gradients and temporaries.
"""

from collections.abc import Iterator

from core.estimate.acting.pools import (
    LARGE_PAGE_BYTES,
    SMALL_PAGE_BYTES,
    PoolsTape,
    pages,
)
from core.estimate.acting.step import step_peak
from core.estimate.acting.tape import SMALL_BYTES, rounded
from core.estimate.loop import Habits, habits
from core.estimate.outside import workspace_bytes
from core.estimate.static import (
    Static,
    adapter_tensors,
    frozen_tensors,
    state_sizes,
    static,
)
from core.hardware.budget import DeviceBudget
from core.models.shape import ModelShape
from core.plan.plan import Plan


class Reserve:
    """The pools of one plan on one card; act the step out on `tape`, then ask."""

    def __init__(
        self, shape: ModelShape, plan: Plan, how: Habits, budget: DeviceBudget
    ) -> None:
        self._workspaces = 2 * workspace_bytes(budget)
        self._adapter = list(adapter_tensors(shape, plan.method))
        self._states = [
            (size, count)
            for size, count, is_paged in state_sizes(
                self._adapter, 4, plan.train.optimizer
            )
            if not is_paged
        ]
        self._small, self._large = 0, 0
        for size, count in self._staying(shape, plan, how):
            if size <= SMALL_BYTES:
                self._small += size * count
            else:
                self._large += size * count
        self.tape = PoolsTape(workspace_bytes(budget))

    @property
    def small_gradients(self) -> int:
        """Bytes of all gradients in the small pool."""
        sizes = ((rounded(4 * n), count) for n, count in self._adapter)
        return sum(size * count for size, count in sizes if size <= SMALL_BYTES)

    def bytes(self, stays: Static) -> int:
        """Return what is reserved once the step was acted out on `tape`."""
        small, tape = self.small_gradients, self.tape
        large = stays.gradients - small
        # slices of small weights come after slices of large ones: each pool has its turn
        small_step = small + min(small, stays.foreach)
        large_step = large + min(large, stays.foreach)
        small_peak = self._small + max(tape.small_peak, small_step)
        large_peak = self._large + max(tape.large_peak, large_step)
        return pages(small_peak, SMALL_PAGE_BYTES) + pages(large_peak, LARGE_PAGE_BYTES)

    @property
    def step_bytes(self) -> int:
        """Bytes of the large pool that steps add to a loaded model with its adapter."""
        states = sum(size * count for size, count in self._states if size > SMALL_BYTES)
        return states + self.tape.large_peak - self._workspaces

    def _staying(
        self, shape: ModelShape, plan: Plan, how: Habits
    ) -> Iterator[tuple[int, int]]:
        for size, count, _ in frozen_tensors(shape, plan.method, how):
            yield size, count
        for elements, count in self._adapter:
            yield rounded(4 * elements), count
        yield from self._states


def room_bytes(plan: Plan, shape: ModelShape, budget: DeviceBudget) -> int:
    """Return the bytes of large blocks that full steps of ours add on a card."""
    how = habits(plan, budget, "tunesmith")
    reserve = Reserve(shape, plan, how, budget)
    accumulates = plan.train.gradient_accumulation > 1
    gradients = static(shape, plan.method, plan.train.optimizer, how).gradients
    step_peak(
        shape,
        plan,
        how,
        gradients=gradients if accumulates else 0,
        small_gradients=reserve.small_gradients if accumulates else 0,
        tape=reserve.tape,
    )
    return reserve.step_bytes
