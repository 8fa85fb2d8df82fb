"""torch's CUDA caching allocator in numbers: what it reserves beyond what is allocated.

Follows c10/cuda/CUDACachingAllocator.cpp with default settings on one stream: blocks up
to 1 MiB come from 2 MiB segments, larger ones from segments of 20 MiB or of their own
size in steps of 2 MiB; the best fit is taken, and split if enough would be left over.
"""

import bisect
from typing import Final

from core.estimate.tape import WORKSPACE, Kind, Storage, Tape
from core.units import MIB

_SMALL: Final = MIB
_SMALL_SEGMENT: Final = 2 * MIB
_LARGE_SEGMENT: Final = 20 * MIB
_OWN_SEGMENT: Final = 10 * MIB
_STEP: Final = 2 * MIB
_LEAST_REST: Final = 512


class _Block:
    __slots__ = ("after", "before", "free", "number", "size", "small")

    def __init__(self, number: int, size: int, *, small: bool) -> None:
        self.number = number
        self.size = size
        self.small = small
        self.free = True
        self.before: _Block | None = None
        self.after: _Block | None = None


class Allocator:
    """Reserved bytes while blocks come and go."""

    def __init__(self) -> None:
        self.reserved = 0
        self.peak = 0
        self._made = 0
        # small and large free blocks, by (size, number)
        self._free: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
        self._blocks: dict[int, _Block] = {}

    def take(self, size: int) -> int:
        """Return the number of a block of at least `size` bytes, a multiple of 512."""
        small = size <= _SMALL
        waiting = self._free[small]
        at = bisect.bisect_left(waiting, (size, -1))
        if at < len(waiting):
            block = self._blocks[waiting.pop(at)[1]]
        else:
            block = self._segment(size, small=small)
        block.free = False
        rest = block.size - size
        if rest >= _LEAST_REST if small else rest > _SMALL:
            self._split(block, size)
        return block.number

    def give(self, number: int) -> None:
        """Take a block back and join it with free neighbours."""
        block = self._blocks[number]
        block.free = True
        for other in (block.after, block.before):
            if other is not None and other.free:
                block = self._join(block, other)
        bisect.insort(self._free[block.small], (block.size, block.number))

    def _segment(self, size: int, *, small: bool) -> _Block:
        if small:
            whole = _SMALL_SEGMENT
        elif size < _OWN_SEGMENT:
            whole = _LARGE_SEGMENT
        else:
            whole = -(-size // _STEP) * _STEP
        self.reserved += whole
        self.peak = max(self.peak, self.reserved)
        return self._new(whole, small=small)

    def _new(self, size: int, *, small: bool) -> _Block:
        self._made += 1
        block = _Block(self._made, size, small=small)
        self._blocks[block.number] = block
        return block

    def _split(self, block: _Block, size: int) -> None:
        rest = self._new(block.size - size, small=block.small)
        block.size = size
        rest.before, rest.after = block, block.after
        if block.after is not None:
            block.after.before = rest
        block.after = rest
        bisect.insort(self._free[rest.small], (rest.size, rest.number))

    def _join(self, block: _Block, other: _Block) -> _Block:
        waiting = self._free[other.small]
        waiting.pop(bisect.bisect_left(waiting, (other.size, other.number)))
        first, second = (other, block) if other is block.before else (block, other)
        first.size += second.size
        first.after = second.after
        if second.after is not None:
            second.after.before = first
        del self._blocks[second.number]
        return first


class _BlockStorage(Storage):
    __slots__ = ("_number",)

    def __init__(self, tape: "AllocatorTape", n_bytes: int, kind: Kind) -> None:
        super().__init__(tape, n_bytes, kind)
        self._number = tape.allocator.take(n_bytes)

    def __del__(self) -> None:
        tape = self._tape
        assert isinstance(tape, AllocatorTape)
        tape.allocator.give(self._number)
        super().__del__()


class AllocatorTape(Tape):
    """A tape whose storages are blocks of an allocator."""

    __slots__ = ("allocator",)

    def __init__(self) -> None:
        super().__init__()
        self.allocator = Allocator()

    def _storage(self, size: int, kind: Kind) -> Storage:
        return _BlockStorage(self, size, kind)

    def brush(self, n_bytes: int, kind: Kind = WORKSPACE) -> None:
        """Note bytes taken and given back at once inside one kernel."""
        self.hold(n_bytes, kind)
