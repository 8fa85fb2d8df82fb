"""Our loop's step on torch's two pools of memory: what each reserves at the most.

Blocks of up to 1 MiB and larger ones come from pools of their own
(c10/cuda/CUDACachingAllocator.cpp, kSmallSize). Neither gives back what it reserved
while there is room, so their peaks add up although they come at different times: that of
the small pool in the optimiser's step, that of the large one in the backward pass.

With segments that can grow (``expandable_segments``) a pool is one stretch, mapped page
by page: its end and the holes below it are all there is. Holes between large blocks come
from their order and are acted out; small ones fill theirs to a page.
"""

import bisect

from core.estimate.acting.tape import (
    ACTIVATION,
    SMALL_BYTES,
    WORKSPACE,
    Kind,
    Storage,
    Tape,
    rounded,
)
from core.units import MIB

SMALL_PAGE_BYTES = 2 * MIB
LARGE_PAGE_BYTES = 20 * MIB


def pages(n_bytes: int, page_bytes: int) -> int:
    """Return `n_bytes` in whole pages."""
    return -(-n_bytes // page_bytes) * page_bytes


class GrowingHeap:
    """One stretch of memory with an end that moves.

    The smallest hole that is large enough is taken, of equal ones the lowest; the free
    room at the end only where there is none, however well it would fit
    (``get_free_block`` counts it as large as it can grow).
    """

    __slots__ = ("_ends", "_holes", "_sizes", "_starts", "end", "extent")

    def __init__(self) -> None:
        self.end = 0
        self.extent = 0
        self._holes: list[tuple[int, int]] = []  # by (size, address)
        self._starts: dict[int, int] = {}  # of a hole: its size
        self._ends: dict[int, int] = {}  # of a hole: its start
        self._sizes: dict[int, int] = {}

    def take(self, size: int) -> int:
        holes = self._holes
        at = bisect.bisect_left(holes, (size, -1))
        if at == len(holes):
            start = self.end
            self.end = start + size
            if self.end > self.extent:  # noqa: PLR1730 - called often
                self.extent = self.end
        else:
            whole, start = holes.pop(at)
            del self._starts[start], self._ends[start + whole]
            if whole > size:
                self._list(start + size, whole - size)
        self._sizes[start] = size
        return start

    def give(self, address: int) -> None:
        size = self._sizes.pop(address)
        end = address + size
        above = self._starts.get(end)
        if above is not None:
            self._unlist(end, above)
            size += above
        start = self._ends.get(address)
        if start is not None:
            below = address - start
            self._unlist(start, below)
            address, size = start, size + below
        if address + size == self.end:
            self.end = address
        else:
            self._list(address, size)

    def _list(self, start: int, size: int) -> None:
        self._starts[start] = size
        self._ends[start + size] = start
        bisect.insort(self._holes, (size, start))

    def _unlist(self, start: int, size: int) -> None:
        del self._starts[start], self._ends[start + size]
        self._holes.pop(bisect.bisect_left(self._holes, (size, start)))


class _Small(Storage):
    __slots__ = ()
    _tape: "PoolsTape"

    def __del__(self) -> None:
        tape = self._tape
        tape.small -= self.n_bytes
        tape.live -= self.n_bytes
        tape.by_kind[self.kind] -= self.n_bytes


class _Large(Storage):
    __slots__ = ("_address",)
    _tape: "PoolsTape"

    def __init__(self, tape: "PoolsTape", n_bytes: int, kind: Kind) -> None:
        self._tape = tape  # as Storage does: a call for each block would cost a tenth
        self.n_bytes = n_bytes
        self.kind = kind
        self.is_viewed = False
        self._address = tape.heap.take(n_bytes)

    def __del__(self) -> None:
        tape = self._tape
        tape.heap.give(self._address)
        tape.live -= self.n_bytes
        tape.by_kind[self.kind] -= self.n_bytes


class PoolsTape(Tape):
    """A tape whose large storages lie in a heap and whose small ones are counted apart.

    Layers that are counted and not acted out lie below the heap: as many bytes as they
    hold, without holes, for they are laid out like those that are.
    """

    __slots__ = ("_below", "heap", "large_peak", "small", "small_peak")

    def __init__(self, workspace_bytes: int) -> None:
        """`workspace_bytes` are those of one of cuBLAS's two workspaces."""
        super().__init__()
        self.heap = GrowingHeap()
        self.small = 0
        self.small_peak = 0
        self.large_peak = 0
        self._below = 0
        # taken before the first step (core.engine.room), and no tensors of it
        for _ in range(2):
            self.heap.take(rounded(workspace_bytes))
        self._note()

    def hold(self, n_bytes: int, kind: Kind = ACTIVATION) -> Storage:
        size = rounded(n_bytes)
        self._add(size, kind)
        if size > SMALL_BYTES:
            made = _Large(self, size, kind)
            reached = self.heap.extent + self._below
            if reached > self.large_peak:  # noqa: PLR1730 - called often
                self.large_peak = reached
            return made
        self.small += size
        if self.small > self.small_peak:  # noqa: PLR1730 - called often
            self.small_peak = self.small
        return _Small(self, size, kind)

    def brush(self, n_bytes: int, kind: Kind = WORKSPACE) -> None:
        self.hold(n_bytes, kind)

    def ballast(self, n_bytes: int, kind: Kind, *, small: int = 0) -> None:
        super().ballast(n_bytes, kind)
        self.small += small
        self._below += n_bytes - small
        self._note()

    def _note(self) -> None:
        self.small_peak = max(self.small_peak, self.small)
        self.large_peak = max(self.large_peak, self.heap.extent + self._below)
