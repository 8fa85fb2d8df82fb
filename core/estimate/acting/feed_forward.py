"""The part of a layer between attentions, and mixtures of experts, on the tape.

Experts follow transformers 5.23 (integrations/moe.py, grouped_mm) and, where PEFT
adapts them, peft 0.21 (ParamWrapper): the adapted weight of all experts of a layer is
formed in full, kept until the backward pass, and gets a gradient as large.
"""

from core.estimate.acting.graph import Value
from core.estimate.acting.layers import Layers
from core.estimate.acting.tape import GRADIENT, WORKSPACE, Storage
from core.estimate.static import adapts_experts, expert_ranks
from core.models.shape import Experts, FeedForward


class FeedForwards(Layers):
    """Feed-forward parts for `rows` tokens."""

    def mlp(self, mlp: FeedForward | Experts, x: Value) -> Value:
        """Return the feed-forward part's output."""
        if isinstance(mlp, Experts):
            return self._experts(mlp, x)
        if not mlp.gated:
            up = self.linear(x, mlp.linears[0])
            del x
            up = self._activated(up, mlp)
            return self.linear(up, mlp.linears[1])
        if mlp.fused:
            return self._fused_gate(mlp, x)
        gate = self._activated(self.linear(x, mlp.linears[0]), mlp)
        gate = self.mul(gate, self.linear(x, mlp.linears[1]))
        del x
        return self.linear(gate, mlp.linears[-1])

    def _fused_gate(self, mlp: FeedForward, x: Value) -> Value:
        """Gate and up projection in one matrix; their halves are views of it."""
        both = self.linear(x, mlp.linears[0])
        tape, size = self.tape, both.elements * both.item_bytes

        def half() -> Value:
            node = self.graph.add((both,), (), lambda _: (tape.hold(size),))
            return Value(both.storage, both.elements // 2, both.item_bytes, node)

        gate, up = half(), half()
        both = self.mul(up, self._activated(gate, mlp))
        return self.linear(both, mlp.linears[-1])

    def _activated(self, x: Value, mlp: FeedForward) -> Value:
        if mlp.activation == "gelu_new":
            # Written out in Python: 0.5 * x * (1 + tanh(c * (x + 0.044715 * x^3))).
            return self._written_gelu(x)
        return self.pointwise(x, saves_input=True)

    def _written_gelu(self, x: Value) -> Value:
        half = self.pointwise(x, saves_input=False)
        wide = self.to(x, 4) if self.widens else x  # autocast takes powers in fp32
        cube = self.pointwise(wide, saves_input=True, scratch=2)
        del wide
        cube = self.pointwise(cube, saves_input=False)
        inner = self.add(x, cube)
        del x, cube
        inner = self.pointwise(inner, saves_input=False)
        inner = self.pointwise(inner, saves_input=True)  # tanh saves its output
        inner = self.pointwise(inner, saves_input=False)
        return self.mul(half, inner)

    # -- experts -------------------------------------------------------------

    def _experts(self, experts: Experts, x: Value) -> Value:
        """Return the mixture's output: routed tokens sorted by expert.

        Every token visits `per_token` experts, so the experts see that many times the
        rows.
        """
        shared = None if experts.shared is None else self.mlp(experts.shared, x)
        routes = self._routes(experts, x)
        out = self._visits(experts, x, routes)
        if experts.shared is None or shared is None:
            return out
        if experts.shared_gate is not None:
            gate = self.linear(x, experts.shared_gate)
            gate = self.pointwise(gate, saves_input=True)  # sigmoid saves its output
            shared = self.mul(gate, shared)
        return self.add(out, shared)

    def _routes(self, experts: Experts, x: Value) -> Value:
        """Return the router's weights of each visit, in 32 bits or as its logits."""
        visits = self.rows * experts.per_token
        logits = self._routed(x, self.rows * experts.count)
        came = logits.item_bytes
        chances = self._softmax_of_routes(logits)
        del logits
        chosen = self._picked(chances, visits, index_bytes=8)
        return self.to(chosen, came) if experts.narrow_routes else chosen

    def _softmax_of_routes(self, x: Value) -> Value:
        tape, elements = self.tape, x.elements
        out = tape.hold(elements * 4)
        node = self.graph.add((x,), (out,), lambda _: (tape.hold(elements * 4),))
        return Value(out, elements, 4, node)

    def _picked(self, x: Value, elements: int, *, index_bytes: int) -> Value:
        """Rows of `x` by an index that is saved; the way back is zeros and a sum."""
        tape, size = self.tape, x.elements * x.item_bytes
        index = tape.hold(elements * index_bytes)
        out = tape.hold(elements * x.item_bytes)
        node = self.graph.add((x,), (index,), lambda _: (tape.hold(size),))
        return Value(out, elements, x.item_bytes, node)

    def _routed(self, x: Value, elements: int) -> Value:
        """The router's own product; its weight is small."""
        tape, size = self.tape, x.elements * x.item_bytes
        out = tape.hold(elements * x.item_bytes)
        node = self.graph.add((x,), (self._frozen,), lambda _: (tape.hold(size),))
        return Value(out, elements, x.item_bytes, node)

    def _visits(self, experts: Experts, x: Value, routes: Value) -> Value:
        """Hand each token to its experts, and sum what they say."""
        tape, visits = self.tape, self.rows * experts.per_token
        hidden, width = experts.hidden, experts.width
        order = [tape.hold(visits * 8), tape.hold(visits * 8), tape.hold(visits * 8)]
        index = tape.hold(visits * 8)
        routed = self._by_expert(x, index, visits * hidden)
        weights = self._picked(routes, visits, index_bytes=0)
        both = self._grouped(experts, routed, 2 * width)
        gate = self._half(both)
        gate = self.pointwise(gate, saves_input=True)
        gate = self.mul(gate, self._half(both))
        del both
        out = self._grouped(experts, gate, hidden)
        del gate
        out = self.mul(out, Value(weights.storage, visits, weights.item_bytes,
                                  weights.node))  # fmt: skip
        out = self._by_expert(out, order[0], visits * hidden)
        out = self._summed(out, self.rows * hidden)
        del routed, order, index, weights
        return self.to(out, x.item_bytes)

    def _by_expert(self, x: Value, index: Storage, elements: int) -> Value:
        """Rows in another order; backwards zeros are made and added to."""
        tape, size = self.tape, x.elements * x.item_bytes
        out = tape.hold(elements * x.item_bytes)
        node = self.graph.add((x,), (index,), lambda _: (tape.hold(size),))
        return Value(out, elements, x.item_bytes, node)

    def _half(self, x: Value) -> Value:
        tape, size = self.tape, x.elements * x.item_bytes
        node = self.graph.add((x,), (), lambda _: (tape.hold(size),))
        return Value(x.storage, x.elements // 2, x.item_bytes, node)

    def _summed(self, x: Value, elements: int) -> Value:
        """``sum`` over a token's visits; under autocast CUDA gives 32 bits."""
        tape = self.tape
        item = 4 if self.widens else x.item_bytes
        came = x.elements * x.item_bytes
        out = tape.hold(elements * item)
        narrows = item != x.item_bytes
        node = self.graph.add((x,), (), lambda g: (tape.hold(came) if narrows else g,))
        return Value(out, elements, item, node)

    def _grouped(self, experts: Experts, x: Value, outputs: int) -> Value:
        """One product an expert, all in one kernel."""
        tape, item = self.tape, self.habits.rest_bytes
        x = self.to(x, item)
        inputs = x.elements // (self.rows * experts.per_token)
        visits = self.rows * experts.per_token
        elements = experts.count * inputs * outputs
        adapted = adapts_experts(experts, self.method)
        factors = self._factors(experts, inputs, outputs) if adapted else []
        weight = tape.hold(elements * item, WORKSPACE) if adapted else self._frozen

        # transformers' own stand-in for the kernel forms every gradient, wanted or not
        stands_in = item == 4 or self.habits.fp16

        def backward(_: Storage) -> tuple[Storage, Storage | None]:
            to_x = tape.hold(visits * inputs * item)
            wanted = adapted or stands_in
            to_weight = tape.hold(elements * item, GRADIENT) if wanted else None
            return to_x, to_weight if adapted else None

        saved = (x.storage, weight) if adapted or stands_in else (weight,)
        stack = self._adapted_stack(experts, inputs, outputs, factors)
        node = self.graph.add((x, stack), saved, backward)
        return Value(tape.hold(visits * outputs * item), visits * outputs, item, node)

    def _factors(self, experts: Experts, inputs: int, outputs: int) -> list[Storage]:
        item = self.habits.rest_bytes
        if item == 4:  # the adapter's own
            return [self._frozen, self._frozen]
        rank = expert_ranks(experts, self.method, outputs) * experts.count
        return [self.tape.hold(rank * n * item, WORKSPACE) for n in (inputs, outputs)]

    def _adapted_stack(
        self, experts: Experts, inputs: int, outputs: int, factors: list[Storage]
    ) -> Value:
        """The adapted weight as a tensor whose gradient reaches both factors."""
        if not factors:
            return Value(self._frozen, 0, 0, None)
        tape, item = self.tape, self.habits.rest_bytes
        rank = expert_ranks(experts, self.method, outputs) * experts.count
        sizes = [rank * n for n in (inputs, outputs)]

        def backward(_: Storage) -> tuple[Storage, Storage]:
            narrow = [tape.hold(n * item, GRADIENT) for n in sizes]
            if item == 4:
                return narrow[0], narrow[1]
            wide = [tape.hold(n * 4, GRADIENT) for n in sizes]
            del narrow
            return wide[0], wide[1]

        leaves = [Value(self._frozen, 0, 0, self.graph.leaf()) for _ in sizes]
        node = self.graph.add(leaves, tuple(factors), backward)
        return Value(self._frozen, 0, 0, node)
