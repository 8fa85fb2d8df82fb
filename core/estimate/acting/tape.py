"""Memory as a tape: who holds how many bytes, and the most there ever were.

A `Storage` lives exactly as long as something in the model of the training step refers
to it: Python's reference counts stand for torch's. The functions in `core.estimate`
that act out a step are therefore written like the step itself, and what they free they
free where torch does.
"""

import gc
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Final, TypeVar

_Found = TypeVar("_Found")
Kind = int
ACTIVATION: Final = 0
GRADIENT: Final = 1
LOGITS: Final = 2
WORKSPACE: Final = 3
KINDS: Final = 4

# The CUDA caching allocator hands out multiples of 512 bytes
# (c10/cuda/CUDACachingAllocator.cpp, kMinBlockSize).
ROUNDING_BYTES: Final = 512
# Blocks up to so large come from a pool of their own (kSmallSize).
SMALL_BYTES: Final = 1 << 20


def rounded(n_bytes: int) -> int:
    """Return the bytes the allocator sets aside for a tensor of `n_bytes`."""
    return -(-n_bytes // ROUNDING_BYTES) * ROUNDING_BYTES or ROUNDING_BYTES


def small_of(sizes: Iterable[int]) -> int:
    """Return how many bytes of blocks of these sizes lie in the small pool."""
    return sum(size for size in sizes if size <= SMALL_BYTES)


@contextmanager
def uncollected() -> Generator[None]:
    """Keep the collector of cycles from walking through a step that is acted out.

    References free what it makes; the walks took a quarter of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Storage:
    """The bytes behind one or more tensors."""

    __slots__ = ("_tape", "is_viewed", "kind", "n_bytes")

    def __init__(self, tape: "Tape", n_bytes: int, kind: Kind) -> None:
        self._tape = tape
        self.n_bytes = n_bytes
        self.kind = kind
        self.is_viewed = False
        """Seen through a view, which keeps a hand on it."""

    def __del__(self) -> None:
        tape = self._tape
        tape.live -= self.n_bytes
        tape.by_kind[self.kind] -= self.n_bytes


class Tape:
    """Live bytes now and at the peak, split by what they are for."""

    __slots__ = ("by_kind", "live", "peak", "peak_by_kind", "small")

    def __init__(self) -> None:
        self.live = 0
        self.small = 0
        """Of `live`, in blocks of the allocator's small pool, where those are told apart."""
        self.peak = 0
        self.by_kind = [0] * KINDS
        self.peak_by_kind = [0] * KINDS

    def hold(self, n_bytes: int, kind: Kind = ACTIVATION) -> Storage:
        """Return a new storage of `n_bytes`, rounded as the allocator does."""
        size = rounded(n_bytes)
        self._add(size, kind)
        return self._storage(size, kind)

    def _storage(self, size: int, kind: Kind) -> Storage:
        return Storage(self, size, kind)

    def brush(self, n_bytes: int, kind: Kind = WORKSPACE) -> None:
        """Note bytes taken and given back at once inside one kernel."""
        size = rounded(n_bytes)
        self._add(size, kind)
        self.live -= size
        self.by_kind[kind] -= size

    def relabel(self, storage: Storage, kind: Kind) -> None:
        """Say what `storage` is for, where that turns out later."""
        self.by_kind[storage.kind] -= storage.n_bytes
        self.by_kind[kind] += storage.n_bytes
        storage.kind = kind

    def ballast(self, n_bytes: int, kind: Kind, *, small: int = 0) -> None:  # noqa: ARG002
        """Change what layers hold that are counted but not acted out, `small` in small."""
        self._add(n_bytes, kind)

    def peak_of(self, stretch: Callable[[], _Found]) -> tuple[_Found, list[int]]:
        """Run `stretch`; return what it gives, and its own peak by kind."""
        before, before_by_kind = self.peak, self.peak_by_kind
        self.peak, self.peak_by_kind = self.live, self.by_kind.copy()
        found = stretch()
        own = self.peak_by_kind
        if before >= self.peak:
            self.peak, self.peak_by_kind = before, before_by_kind
        return found, own

    def claim(self, by_kind: list[int]) -> None:
        """Say that there were once so many bytes of each kind."""
        total = sum(by_kind)
        if total > self.peak:
            self.peak, self.peak_by_kind = total, by_kind

    def enter_backward(self) -> None:
        """Hear that the backward pass begins, in a thread of its own."""

    def _add(self, size: int, kind: Kind) -> None:
        self.live += size
        self.by_kind[kind] += size
        if self.live > self.peak:
            self.peak = self.live
            self.peak_by_kind = self.by_kind.copy()
