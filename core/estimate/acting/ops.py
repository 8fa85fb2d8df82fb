"""Tensor operations as memory: what each allocates forwards, saves, and needs backwards.

Backward formulas are those of torch's ``derivatives.yaml`` and FunctionsManual.cpp;
temporaries of one C++ expression live until its end, so they are counted together.
Sizes: an operation on `n` elements of `b` bytes takes ``n * b`` bytes.
"""

from core.estimate.acting.graph import Graph, Value
from core.estimate.acting.tape import ACTIVATION, Kind, Storage, Tape


class Ops:
    """The operations a decoder's step is made of, on one graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tape: Tape = graph.tape

    def new(self, elements: int, item_bytes: int, kind: Kind = ACTIVATION) -> Value:
        """Return a tensor that needs no gradient."""
        return Value(
            self.tape.hold(elements * item_bytes, kind), elements, item_bytes, None
        )

    def leaf(self, value: Value) -> Value:
        """Return `value` as the start of a graph: its gradient is wanted."""
        return Value(value.storage, value.elements, value.item_bytes, self.graph.leaf())

    def to(self, x: Value, item_bytes: int) -> Value:
        """Cast; nothing happens where the type is right already."""
        if x.item_bytes == item_bytes:
            return x
        tape, back = self.tape, x.elements * x.item_bytes
        kind = x.storage.kind
        out = tape.hold(x.elements * item_bytes, kind)
        node = self.graph.add((x,), (), lambda _: (tape.hold(back, kind),))
        return Value(out, x.elements, item_bytes, node)

    def pointwise(self, x: Value, *, saves_input: bool, scratch: int = 0) -> Value:
        """One input, same size out: an activation or a scaling.

        `scratch` counts full-size temporaries of the backward formula.
        """
        tape, size = self.tape, x.elements * x.item_bytes

        def backward(_: Storage) -> tuple[Storage]:
            held = [tape.hold(size) for _ in range(scratch)]
            made = tape.hold(size)
            del held
            return (made,)

        saved = (x.storage,) if saves_input else ()
        # inputs are saved before there is a result: a recomputation may end here
        node = self.graph.add((x,), saved, backward)
        out = tape.hold(size, x.storage.kind)
        return Value(out, x.elements, x.item_bytes, node)

    def add(self, a: Value, b: Value) -> Value:
        """Sum; the wider type wins, and the gradient is handed to both as it is."""
        tape, item = self.tape, max(a.item_bytes, b.item_bytes)
        elements = max(a.elements, b.elements)
        out = tape.hold(elements * item)

        a_, b_ = _facts(a), _facts(b)
        node = self.graph.add(
            (a, b),
            (),
            lambda g: (g if a_[0] else None, g if b_[0] else None),
            (_narrow(a_, elements * item), _narrow(b_, elements * item)),
        )
        return Value(out, elements, item, node)

    def mul(self, a: Value, b: Value) -> Value:
        """Product of two tensors; each is saved if the other needs a gradient."""
        tape, item = self.tape, max(a.item_bytes, b.item_bytes)
        elements = max(a.elements, b.elements)
        a_, b_ = _facts(a), _facts(b)
        size = elements * item

        def backward(_: Storage) -> tuple[Storage | None, Storage | None]:
            to_a = tape.hold(size) if a_[0] else None
            return to_a, tape.hold(size) if b_[0] else None

        saved = (*((b.storage,) if a_[0] else ()), *((a.storage,) if b_[0] else ()))
        narrow = _narrow(a_, size), _narrow(b_, size)
        node = self.graph.add((a, b), saved, backward, narrow)
        return Value(tape.hold(size), elements, item, node)

    def square_mean(self, x: Value, rows: int) -> Value:
        """``x.pow(2).mean(-1, keepdim=True)``: the square is a temporary."""
        tape, size = self.tape, x.elements * x.item_bytes
        tape.brush(size, ACTIVATION)
        out = tape.hold(rows * x.item_bytes)

        def backward(_: Storage) -> tuple[Storage]:
            spread = tape.hold(size)  # mean: gradient over all columns, divided
            powered = tape.hold(size)  # x.pow(1)
            doubled = tape.hold(size)  # 2 * x.pow(1)
            made = tape.hold(size)
            del spread, powered, doubled
            return (made,)

        node = self.graph.add((x,), (x.storage,), backward)
        return Value(out, rows, x.item_bytes, node)

    def scale_rows(self, x: Value, factor: Value) -> Value:
        """``x * factor`` with one factor a row; both are saved."""
        tape, size = self.tape, x.elements * x.item_bytes
        small = factor.elements * factor.item_bytes
        needs_factor = factor.node is not None

        def backward(_: Storage) -> tuple[Storage | None, Storage | None]:
            to_x = tape.hold(size)
            return to_x, tape.hold(size) if needs_factor else None

        # the factor's is summed over columns
        node = self.graph.add(
            (x, factor), (x.storage, factor.storage), backward, (0, small)
        )
        return Value(tape.hold(size), x.elements, x.item_bytes, node)

    def rotate_half(self, x: Value) -> Value:
        """``cat((-x2, x1))``."""
        tape, size = self.tape, x.elements * x.item_bytes
        half = tape.hold(size // 2)
        out = tape.hold(size)
        del half

        def backward(_: Storage) -> tuple[Storage]:
            negated = tape.hold(size // 2)
            first = tape.hold(size)  # slice_backward: zeros of full size, filled half
            del negated
            second = tape.hold(size)
            del second
            return (first,)

        node = self.graph.add((x,), (), backward)
        return Value(out, x.elements, x.item_bytes, node)

    def halves(self, x: Value) -> tuple[Value, Value]:
        """``chunk(2)``: two views; their gradients wait for one another and are joined."""
        tape, size = self.tape, x.elements * x.item_bytes
        waiting: list[Storage] = []

        def backward(gradient: Storage) -> tuple[Storage | None]:
            if not waiting:
                waiting.append(gradient)
                return (None,)
            made = tape.hold(size)
            waiting.clear()
            return (made,)

        def half() -> Value:
            node = self.graph.add((x,), (), backward)
            return Value(x.storage, x.elements // 2, x.item_bytes, node)

        return half(), half()

    def dropout(self, x: Value) -> Value:
        """Native dropout: a mask of one byte an element is saved."""
        tape, size = self.tape, x.elements * x.item_bytes
        out = tape.hold(size)
        mask = tape.hold(x.elements)
        node = self.graph.add((x,), (mask,), lambda _: (tape.hold(size),))
        return Value(out, x.elements, x.item_bytes, node)


Value_ = tuple[bool, int, int]
"""Whether a gradient is wanted, bytes an element, bytes in all: what a closure may keep
of a Value without keeping the tensor itself alive."""


def _narrow(value: Value_, size: int) -> int:
    """Return the bytes of a gradient brought to its input's type and size.

    0 if it has both, which `size` bytes tell.
    """
    return 0 if value[2] == size else value[2]


def _facts(value: Value) -> Value_:
    return value.node is not None, value.item_bytes, value.elements * value.item_bytes
