"""The part of a layer between attentions, and mixtures of experts, on the tape.

Experts follow transformers 5.23 (integrations/moe.py, grouped_mm) and, where PEFT
adapts them, peft 0.21 (ParamWrapper): the adapted weight of all experts of a layer is
formed in full, kept until the backward pass, and gets a gradient as large.
"""

import math
from dataclasses import dataclass

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
        gate, up = self.halves(self.linear(x, mlp.linears[0]))
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
        logits = self._routed(experts, x)
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

    def _routed(self, experts: Experts, x: Value) -> Value:
        """The router's own product; adapted, its weight is new and its input saved."""
        tape, size = self.tape, x.elements * x.item_bytes
        out = tape.hold(self.rows * experts.count * x.item_bytes)
        saved = (self._frozen,)
        if adapts_experts(experts, self.method):
            elements = experts.count * experts.hidden
            saved = x.storage, tape.hold(elements * self.habits.rest_bytes, WORKSPACE)
        node = self.graph.add((x,), saved, lambda _: (tape.hold(size),))
        return Value(out, self.rows * experts.count, x.item_bytes, node)

    def _visits(self, experts: Experts, x: Value, routes: Value) -> Value:
        """Hand each token to its experts, and sum what they say."""
        tape, visits = self.tape, self.rows * experts.per_token
        hidden, width = experts.hidden, experts.width
        down = self._stack(experts, width, hidden)  # the outer of peft's two wrappers
        up = self._stack(experts, hidden, 2 * width)
        order = [tape.hold(visits * 8), tape.hold(visits * 8), tape.hold(visits * 8)]
        index = tape.hold(visits * 8)
        routed = self._by_expert(x, index, visits * hidden)
        weights = self._picked(routes, visits, index_bytes=0)
        gate, other = self.halves(self._grouped(experts, routed, up))
        gate = self.mul(self.pointwise(gate, saves_input=True), other)
        del other
        out = self._grouped(experts, gate, down)
        del gate
        out = self.mul(out, Value(weights.storage, visits, weights.item_bytes,
                                  weights.node))  # fmt: skip
        out = self._by_expert(out, order[0], visits * hidden)
        out = self._summed(out, self.rows * hidden)
        del routed, order, index, weights, up, down
        return self.to(out, x.item_bytes)

    def _by_expert(self, x: Value, index: Storage, elements: int) -> Value:
        """Rows in another order; backwards zeros are made and added to."""
        tape, size = self.tape, x.elements * x.item_bytes
        node = self.graph.add((x,), (index,), lambda _: (tape.hold(size),))
        out = tape.hold(elements * x.item_bytes)
        return Value(out, elements, x.item_bytes, node)

    def _summed(self, x: Value, elements: int) -> Value:
        """``sum`` over a token's visits; under autocast CUDA gives 32 bits.

        Backwards each visit gets the sum's gradient, copied out.
        """
        tape = self.tape
        item = 4 if self.widens else x.item_bytes
        came = x.elements * x.item_bytes
        out = tape.hold(elements * item)
        node = self.graph.add((x,), (), lambda _: (tape.hold(came),))
        return Value(out, elements, item, node)

    def _grouped(self, experts: Experts, x: Value, stack: "_Stack") -> Value:
        """One product an expert, all in one kernel."""
        tape, item = self.tape, self.habits.rest_bytes
        x = self.to(x, item)
        visits = self.rows * experts.per_token
        inputs, outputs = stack.inputs, stack.outputs
        elements, adapted = experts.count * inputs * outputs, stack.factors is not None
        weight = self._adapted_weight(stack, elements)

        # transformers' own stand-in for the kernel forms every gradient, wanted or not
        stands_in = item == 4 or self.habits.fp16

        def backward(_: Storage) -> tuple[Storage, Storage | None]:
            to_x = tape.hold(visits * inputs * item)
            wanted = adapted or stands_in
            to_weight = tape.hold(elements * item, GRADIENT) if wanted else None
            return to_x, to_weight if adapted else None

        own = weight.storage
        saved = (x.storage, own) if adapted or stands_in else (own,)
        node = self.graph.add((x, weight), saved, backward)
        return Value(tape.hold(visits * outputs * item), visits * outputs, item, node)

    def _stack(self, experts: Experts, inputs: int, outputs: int) -> "_Stack":
        """The experts' weights, their adapter's two factors in their own format."""
        if not adapts_experts(experts, self.method):
            return _Stack(inputs, outputs)
        tape, item = self.tape, self.habits.rest_bytes
        ranks = expert_ranks(experts, self.method, outputs)
        rows = ranks * experts.count
        second = self._second_factor(rows * outputs)
        first = Value(self._frozen, rows * inputs, 4, self.graph.leaf())
        if item != 4:
            second, first = self._as_weights(second), self._as_weights(first)
        # torch tries a parametrisation out before it registers it
        tape.brush(experts.count * inputs * outputs * item)
        return _Stack(inputs, outputs, ranks, (second, first))

    def _second_factor(self, elements: int) -> Value:
        """``B`` by expert: a view whose gradient is laid out anew."""
        tape = self.tape
        leaf = Value(self._frozen, elements, 4, self.graph.leaf())
        node = self.graph.add(
            (leaf,), (), lambda _: (tape.hold(elements * 4, GRADIENT),)
        )
        return Value(self._frozen, elements, 4, node)

    def _as_weights(self, x: Value) -> Value:
        """Cast to the weights' format; the gradient is widened again."""
        tape, wide, item = self.tape, x.elements * 4, self.habits.rest_bytes
        node = self.graph.add((x,), (), lambda _: (tape.hold(wide, GRADIENT),))
        made = tape.hold(x.elements * item, WORKSPACE)
        return Value(made, x.elements, item, node)

    def _adapted_weight(self, stack: "_Stack", elements: int) -> Value:
        """``W + B A`` in full (baddbmm); it lives until the experts have run."""
        if stack.factors is None:
            return Value(self._frozen, 0, 0, None)
        tape, item = self.tape, self.habits.rest_bytes
        second, first = stack.factors
        sizes = second.elements * item, first.elements * item
        scaled = self._scales(stack)

        def factor(size: int) -> Storage:
            made = tape.hold(size, GRADIENT)
            return tape.hold(size, GRADIENT) if scaled else made

        node = self.graph.add(
            (second, first),
            (second.storage, first.storage),
            lambda _: (factor(sizes[0]), factor(sizes[1])),
        )
        stack.formed = tape.hold(elements * item, WORKSPACE)
        return Value(stack.formed, elements, item, node)

    def _scales(self, stack: "_Stack") -> bool:
        """Whether the adapter's part is multiplied; by 1 it is not (maybe_multiply)."""
        method, fused = self.method, stack.ranks // self.method.rank
        if method.use_rslora:
            return method.alpha * fused != math.sqrt(stack.ranks)
        return method.alpha != method.rank


@dataclass(slots=True)
class _Stack:
    """One weight of all experts of a layer, and what its adapter makes of it."""

    inputs: int
    outputs: int
    ranks: int = 0
    """Of the adapter, for one expert."""
    factors: tuple[Value, Value] | None = None
    """``B`` and ``A``."""
    formed: Storage | None = None
    """The adapted weight."""
