"""Autograd's bookkeeping without numbers: what each operation saves until its turn.

Follows torch/csrc/autograd/engine.cpp: nodes run in the reverse order of their making,
a gradient waits in its node's buffer and lives until the node is done, as do saved
tensors; recomputed ones are let go of as soon as the node's formula has run.
Checkpointing follows torch/utils/checkpoint.py (non-reentrant, early stop).
"""

import heapq
import sys
from collections.abc import Callable, Sequence

from core.estimate.acting.tape import Storage, Tape

Gradient = Storage | None
Backward = Callable[[Storage], Sequence[Gradient]]


class Node:
    """One operation of the forward pass."""

    __slots__ = ("backward", "frame", "inputs", "narrow", "number", "saved", "slot")

    def __init__(
        self, number: int, inputs: "tuple[Node | None, ...]", backward: Backward
    ) -> None:
        self.number = number
        self.inputs = inputs
        self.backward = backward
        self.saved: tuple[Storage, ...] = ()
        self.narrow: tuple[int, ...] = ()
        self.frame: Frame | None = None
        self.slot = 0


class Value:
    """A tensor: its bytes, its size, and the operation it came from."""

    __slots__ = ("elements", "item_bytes", "node", "storage")

    def __init__(
        self, storage: Storage, elements: int, item_bytes: int, node: Node | None
    ) -> None:
        self.storage = storage
        self.elements = elements
        self.item_bytes = item_bytes
        self.node = node


class _Recomputed(Exception):
    """Everything the backward pass needs is there again."""


class Frame:
    """A checkpointed stretch: what it must bring back, and how."""

    __slots__ = ("_again", "_found", "count")

    def __init__(self) -> None:
        self.count = 0
        self._again: Callable[[], object] | None = None
        self._found: list[tuple[Storage, ...]] | None = None

    def set_again(self, again: Callable[[], object]) -> None:
        """Tell how to run the stretch once more."""
        self._again = again

    def capture(self, saved: tuple[Storage, ...]) -> None:
        """Keep what one operation of the second run saves."""
        found = self._found
        assert found is not None
        found.append(saved)
        if len(found) == self.count:
            raise _Recomputed

    def fetch(self, graph: "Graph", slot: int) -> tuple[Storage, ...]:
        """Return what the operation at `slot` saved, recomputing the stretch once."""
        if self._found is None:
            self._found = []
            again = self._again
            assert again is not None
            graph.recompute(self, again)
        saved = self._found[slot]
        self._found[slot] = ()
        return saved


class Graph:
    """The operations of one forward pass, ready to be run backwards."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self._made = 0
        self._recording: Frame | None = None
        self._capturing: Frame | None = None
        self.casts: dict[int, Storage] = {}
        """Autocast's cache of narrowed weights, until its context is left."""

    @property
    def made(self) -> int:
        """How many operations there are so far."""
        return self._made

    def add(
        self,
        inputs: Sequence[Value],
        saved: tuple[Storage, ...],
        backward: Backward,
        narrow: tuple[int, ...] = (),
    ) -> Node | None:
        """Return the node of an operation, or None if no input needs a gradient.

        Args:
            inputs: What it works on.
            saved: What its backward pass needs.
            backward: Makes the inputs' gradients from the output's.
            narrow: Bytes of each gradient once it is brought to its input's type and
                size, which happens before the operation is done; 0 where it has both.
        """
        nodes = tuple(value.node for value in inputs)
        if not any(nodes):
            return None
        self._made += 1
        node = Node(self._made, nodes, backward)
        node.narrow = narrow
        if not saved:
            return node
        if self._capturing is not None:
            self._capturing.capture(saved)
        elif self._recording is not None:
            node.frame = self._recording
            node.slot = node.frame.count
            node.frame.count += 1
        else:
            node.saved = saved
        return node

    @property
    def recomputes(self) -> bool:
        """Whether a checkpointed stretch is being run once more."""
        return self._capturing is not None

    @property
    def forgets(self) -> bool:
        """Whether a checkpointed stretch runs for the first time: nothing is saved."""
        return self._recording is not None and self._capturing is None

    def leaf(self) -> Node:
        """Return the node of a weight that is trained: its gradient stays."""
        return Node(0, (), _keep)

    def checkpoint(self, stretch: Callable[[Value], Value], value: Value) -> Value:
        """Run `stretch` on `value`, keeping only `value` for the backward pass."""
        frame = Frame()
        frame.set_again(lambda: stretch(value))
        self._recording = frame
        try:
            return stretch(value)
        finally:
            self._recording = None

    def recompute(self, frame: Frame, again: Callable[[], object]) -> None:
        """Run a checkpointed stretch once more and capture what it saves."""
        casts, self.casts = self.casts, {}
        self._capturing = frame
        try:
            again()
        except _Recomputed:
            pass
        finally:
            self._capturing = None
            self.casts = casts

    def backward(
        self,
        root: Node,
        gradient: Storage,
        passed: Callable[[int], None],
        *,
        accumulated: bool = False,
    ) -> list[Storage]:
        """Run all nodes behind `root`; return the gradients of the trained weights.

        Args:
            root: The node of the loss.
            gradient: Its gradient, handed over.
            passed: Told the number of each node before it runs.
            accumulated: The weights have gradients already; new ones are added to them
                and let go of at once.
        """
        waiting: dict[Node, Storage] = {root: gradient}
        del gradient
        turns = [(-root.number, id(root), root)]
        kept: dict[Node, Storage] = {}
        while turns:
            node = heapq.heappop(turns)[2]
            passed(node.number)
            given_to = waiting.pop(node)
            recomputed = node.frame is not None
            if node.frame is not None:
                node.saved = node.frame.fetch(self, node.slot)
                node.frame = None  # with the last of them goes the stretch's input
            given = node.backward(given_to)
            if recomputed:  # unpacked for the formula alone
                node.saved = ()
            if node.narrow:
                given = self._narrowed(list(given), node.narrow)
            node.saved = ()
            del given_to
            for target, part in zip(node.inputs, given, strict=True):
                if target is None or part is None:
                    continue
                if target.number == 0:
                    if not accumulated:  # a second one is added to the first
                        kept.setdefault(target, part)
                elif target in waiting:
                    waiting[target] = self._sum(waiting.pop(target), part)
                else:
                    waiting[target] = part
                    heapq.heappush(turns, (-target.number, id(target), target))
            given = part = None
        return list(kept.values())

    def _narrowed(
        self, given: list[Gradient], sizes: tuple[int, ...]
    ) -> Sequence[Gradient]:
        """Bring gradients to their inputs' types (validate_outputs in engine.cpp)."""
        for number, size in enumerate(sizes):
            part = given[number]
            if size and part is not None:
                kind = part.kind
                given[number] = self.tape.hold(size, kind)
            part = None
        return given

    def _sum(self, first: Storage, second: Storage) -> Storage:
        # Gradients are added in place when nobody else looks at the first
        # (accumulate in torch/csrc/autograd/input_buffer.cpp). Two references: the
        # argument here and getrefcount's own.
        if sys.getrefcount(first) <= 2 and not first.is_viewed:
            return first
        return self.tape.hold(max(first.n_bytes, second.n_bytes), first.kind)


def _keep(gradient: Storage) -> Sequence[Gradient]:
    return (gradient,)
