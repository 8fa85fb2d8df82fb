"""torch's CUDA caching allocator in numbers: what it sets aside, and what it reserves.

Follows c10/cuda/CUDACachingAllocator.cpp on one stream: blocks up to 1 MiB come from
2 MiB segments, larger ones from segments of 20 MiB or of their own size in steps of
2 MiB; the smallest free block that is large enough is taken, of equal ones that with
the lowest address, and split if enough would be left over. New segments come to lie
below older ones, as the driver hands addresses out; so of two equal holes the one in
the younger segment is filled first.
"""

import bisect
from typing import Final

from core.estimate.acting.tape import WORKSPACE, Kind, Storage, Tape
from core.units import MIB

_SMALL: Final = MIB
_SMALL_SEGMENT: Final = 2 * MIB
_LARGE_SEGMENT: Final = 20 * MIB
_OWN_SEGMENT: Final = 10 * MIB
_STEP: Final = 2 * MIB
_LEAST_REST: Final = 512
_LOWEST: Final = -(1 << 62)
_GUARD: Final = 4096


class _Block:
    __slots__ = ("address", "after", "before", "free", "size", "small")

    def __init__(self, address: int, size: int, *, small: bool) -> None:
        self.address = address
        self.size = size
        self.small = small
        self.free = True
        self.before: _Block | None = None
        self.after: _Block | None = None


class Allocator:
    """Bytes set aside and reserved while blocks come and go.

    ``allocated`` counts whole blocks, as ``torch.cuda.memory_allocated`` does: a block
    of which less than 1 MiB would be left is handed out whole.
    """

    def __init__(self) -> None:
        self.allocated = 0
        self.peak_allocated = 0
        self.reserved = 0
        self.peak = 0
        self._lowest = 0
        # small and large free blocks, by (size, address)
        self._free: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
        self._blocks: dict[int, _Block] = {}

    def take(self, size: int) -> int:
        """Return the address of a block of at least `size` bytes, a multiple of 512."""
        small = size <= _SMALL
        waiting = self._free[small]
        at = bisect.bisect_left(waiting, (size, _LOWEST))
        if at < len(waiting):
            block = self._blocks[waiting.pop(at)[1]]
        else:
            block = self._segment(size, small=small)
        block.free = False
        rest = block.size - size
        if rest >= _LEAST_REST if small else rest > _SMALL:
            self._split(block, size)
        self.allocated += block.size
        if self.allocated > self.peak_allocated:  # noqa: PLR1730 - called often
            self.peak_allocated = self.allocated
        return block.address

    def give(self, address: int) -> None:
        """Take a block back and join it with free neighbours."""
        block = self._blocks[address]
        block.free = True
        self.allocated -= block.size
        after, before = block.after, block.before
        if after is not None and after.free:
            self._unlist(after)
            block = self._merge(block, after)
        if before is not None and before.free:
            self._unlist(before)
            block = self._merge(before, block)
        bisect.insort(self._free[block.small], (block.size, block.address))

    def empty_cache(self) -> None:
        """Give segments back to the driver of which nothing is in use."""
        for small, waiting in self._free.items():
            kept: list[tuple[int, int]] = []
            for size, address in waiting:
                block = self._blocks[address]
                if block.before is None and block.after is None:
                    self.reserved -= size
                    del self._blocks[address]
                else:
                    kept.append((size, address))
            self._free[small] = kept

    def _segment(self, size: int, *, small: bool) -> _Block:
        if small:
            whole = _SMALL_SEGMENT
        elif size < _OWN_SEGMENT:
            whole = _LARGE_SEGMENT
        else:
            whole = -(-size // _STEP) * _STEP
        self.reserved += whole
        self.peak = max(self.peak, self.reserved)
        self._lowest -= whole + _GUARD
        return self._new(self._lowest, whole, small=small)

    def _new(self, address: int, size: int, *, small: bool) -> _Block:
        block = self._blocks[address] = _Block(address, size, small=small)
        return block

    def _split(self, block: _Block, size: int) -> None:
        rest = self._new(block.address + size, block.size - size, small=block.small)
        block.size = size
        rest.before, rest.after = block, block.after
        if block.after is not None:
            block.after.before = rest
        block.after = rest
        bisect.insort(self._free[rest.small], (rest.size, rest.address))

    def _unlist(self, block: _Block) -> None:
        waiting = self._free[block.small]
        waiting.pop(bisect.bisect_left(waiting, (block.size, block.address)))

    def _merge(self, first: _Block, second: _Block) -> _Block:
        first.size += second.size
        first.after = second.after
        if second.after is not None:
            second.after.before = first
        del self._blocks[second.address]
        return first


class _BlockStorage(Storage):
    # thousands come and go: what the parent does is written out
    __slots__ = ("_address", "_allocator")

    def __init__(self, tape: "AllocatorTape", n_bytes: int, kind: Kind) -> None:
        super().__init__(tape, n_bytes, kind)
        self._allocator = tape.allocator
        self._address = self._allocator.take(n_bytes)

    def __del__(self) -> None:
        self._allocator.give(self._address)
        tape = self._tape
        tape.live -= self.n_bytes
        tape.by_kind[self.kind] -= self.n_bytes


class AllocatorTape(Tape):
    """A tape whose storages are blocks of an allocator."""

    __slots__ = ("_workspace_bytes", "_workspaces", "allocator")

    def __init__(self, workspace_bytes: int) -> None:
        """`workspace_bytes` are those of one of cuBLAS's two workspaces."""
        super().__init__()
        self.allocator = Allocator()
        self._workspace_bytes = workspace_bytes
        self._workspaces: list[Storage] = []

    def enter_forward(self) -> None:
        """Take the forward thread's cuBLAS workspace, once."""
        self._take_workspace(0)

    def enter_backward(self) -> None:
        """Take the autograd thread's cuBLAS workspace, once."""
        self._take_workspace(1)

    def _take_workspace(self, number: int) -> None:
        if len(self._workspaces) == number:
            self._workspaces.append(self.hold(self._workspace_bytes, WORKSPACE))

    def _storage(self, size: int, kind: Kind) -> Storage:
        return _BlockStorage(self, size, kind)

    def brush(self, n_bytes: int, kind: Kind = WORKSPACE) -> None:
        """Note bytes taken and given back at once inside one kernel."""
        self.hold(n_bytes, kind)
