"""Linear layers with adapters, and norms, as memory.

Follows peft 0.21 (tuners/lora/layer.py, bnb.py), bitsandbytes 0.50
(autograd/_functions.py) and transformers 5.23's modeling files.
"""

from dataclasses import dataclass

from core.estimate.acting.graph import Graph, Node, Value
from core.estimate.acting.ops import Ops
from core.estimate.acting.tape import GRADIENT, WORKSPACE, Storage
from core.estimate.loop import Habits
from core.estimate.static import BLOCK, is_target
from core.models.shape import Linear, NormKind
from core.plan.plan import Method

# bitsandbytes 0.50: up to this many rows (more on some cards, for some shapes) the fused
# 4-bit kernel is used (backends/cuda/ops.py, _gemm_4bit_use_custom_cuda), above it the
# weight is dequantised first.
_FUSED_4BIT_ROWS = 64


class Layers(Ops):
    """Operations with weights, for `rows` tokens."""

    def __init__(
        self, graph: Graph, *, habits: Habits, method: Method, rows: int
    ) -> None:
        super().__init__(graph)
        self.habits = habits
        self.method = method
        self.rows = rows
        self._frozen = Storage(self.tape, 0, WORKSPACE)

    @property
    def widens(self) -> bool:
        """Whether autocast runs norms and powers in 32 bits, as it does on CUDA."""
        return self.habits.autocast and self.habits.on_gpu

    # -- linear layers -------------------------------------------------------

    def linear(self, x: Value, linear: Linear) -> Value:
        """Return the layer's output, with its adapter's if it has one."""
        x_in = x
        quantised = self.habits.quantised and not linear.never_quantised
        out = self._base(x, linear)
        if not (self.method.has_adapter and is_target(linear, self.method)):
            return out
        if quantised and self.habits.method == "qlora":
            out = self._clone(out)
        narrow = out.item_bytes
        if self.habits.cast_input:
            x_in = self.to(x, 4)
        del x
        if self.method.use_dora:
            summed = self._with_dora(out, x_in, linear)
            del out
            # peft narrows it again, but for quantised layers under autocast
            wide = quantised and self.habits.autocast
            return summed if wide else self.to(summed, narrow)
        delta = self._adapter(x_in, linear)
        if quantised and not self.habits.autocast:
            delta = self.to(delta, narrow)
        summed = self.add(out, delta)
        del delta, out  # in this order: the scaled delta is a temporary
        return self.to(summed, narrow)

    def _base(self, x: Value, linear: Linear) -> Value:
        if linear.never_quantised:
            return self._falcon_linear(x, linear)
        if self.habits.method == "qlora":
            return self._four_bit(x, linear)
        if self.habits.method == "lora8":
            return self._eight_bit(x, linear)
        item = self.habits.item_bytes
        return self._product(self.to(x, item), linear.inputs, linear.outputs, item)

    def _falcon_linear(self, x: Value, linear: Linear) -> Value:
        """``x @ W.T``, and the bias in an addition of its own."""
        autocast = self.habits.autocast
        item = self.habits.item_bytes if autocast else self.habits.rest_bytes
        x = self.to(x, item)
        out = self._product(x, linear.inputs, linear.outputs, item)
        return self.pointwise(out, saves_input=False) if linear.bias else out

    def _product(
        self,
        x: Value,
        inputs: int,
        outputs: int,
        item: int,
        weight: Storage | None = None,
    ) -> Value:
        """``x @ W.t()`` for a frozen weight, which is saved.

        The model's own is there anyway, but a checkpointed stretch is run again before
        this product's gradient is formed; `weight` is a copy.
        """
        tape, rows = self.tape, self.rows
        if not self.method.has_adapter:
            return self._trained_whole(x, inputs, outputs, item)
        saved = self._frozen if weight is None else weight
        node = self.graph.add(
            (x,), (saved,), lambda _: (self._viewed(rows * inputs * item),)
        )
        return Value(tape.hold(rows * outputs * item), rows * outputs, item, node)

    def _trained_whole(self, x: Value, inputs: int, outputs: int, item: int) -> Value:
        """``x @ W.t()`` where the whole weight is trained: input and weight are saved."""
        tape, rows = self.tape, self.rows
        needs_x, elements = x.node is not None, inputs * outputs

        def backward(_: Storage) -> tuple[Storage | None, Storage]:
            to_x = self._viewed(rows * inputs * item) if needs_x else None
            return to_x, tape.hold(elements * item, GRADIENT)

        trained = Value(x.storage, 0, 0, self.graph.leaf())
        node = self.graph.add((x, trained), (x.storage,), backward)
        return Value(tape.hold(rows * outputs * item), rows * outputs, item, node)

    def _weight(self, elements: int, item_bytes: int) -> Value:
        """Return a norm's weight; in full fine-tuning it is trained."""
        weight = self.new(elements, item_bytes)
        return weight if self.method.has_adapter else self.leaf(weight)

    def _viewed(self, n_bytes: int) -> Storage:
        """Return a product of flattened rows, seen again as batch and sequence."""
        made = self.tape.hold(n_bytes)
        made.is_viewed = True
        return made

    def _four_bit(self, x: Value, linear: Linear) -> Value:
        tape, rows, item = self.tape, self.rows, self.habits.item_bytes
        inputs, outputs, came = linear.inputs, linear.outputs, x.item_bytes
        narrow = self.to(x, item)
        del x
        if rows > _FUSED_4BIT_ROWS or not self.habits.on_gpu:
            weight = self._dequantised(linear)
            out = tape.hold(rows * outputs * item)
            del weight
        else:
            out = tape.hold(rows * outputs * item)

        def backward(_: Storage) -> tuple[Storage]:
            weight = self._dequantised(linear)
            made = tape.hold(rows * inputs * item)
            del weight
            return (made,)

        node = self.graph.add((narrow,), (), backward)
        return self.to(Value(out, rows * outputs, item, node), came)

    def _dequantised(self, linear: Linear) -> Storage:
        """Return the 16-bit weight; the scales it needs are gone again."""
        tape = self.tape
        scales = tape.hold(4 * -(-linear.elements // BLOCK), WORKSPACE)
        weight = tape.hold(linear.elements * self.habits.item_bytes, WORKSPACE)
        del scales
        return weight

    def _eight_bit(self, x: Value, linear: Linear) -> Value:
        """LLM.int8() (arXiv:2208.07339); its input hangs on the node, not in `saved`.

        So checkpointing does not let go of it: the whole input of every such layer
        stays until the backward pass.
        """
        tape, rows, item = self.tape, self.rows, x.item_bytes
        inputs, outputs = linear.inputs, linear.outputs
        half = tape.hold(rows * inputs * 2, WORKSPACE)
        codes = tape.hold(rows * inputs, WORKSPACE)
        del half
        sums = tape.hold(rows * outputs * 4, WORKSPACE)
        out = tape.hold(rows * outputs * 2)
        del codes, sums
        keeper = [x.storage]

        def backward(_: Storage) -> tuple[Storage]:
            weight = tape.hold(inputs * outputs * item, WORKSPACE)
            made = tape.hold(rows * inputs * item)
            keeper.clear()
            del weight
            return (made,)

        node = self.graph.add((x,), (), backward)
        return self.to(Value(out, rows * outputs, 2, node), item)

    def _clone(self, x: Value) -> Value:
        out = self.tape.hold(x.elements * x.item_bytes)
        node = self.graph.add((x,), (), lambda g: (g,))
        return Value(out, x.elements, x.item_bytes, node)

    def _adapter(self, x: Value, linear: Linear) -> Value:
        """Return ``lora_B(lora_A(dropout(x))) * scaling``."""
        if self.method.dropout > 0:
            x = self.dropout(x)
        rank = self.method.rank
        inner = self._trained(x, linear.inputs, rank)
        del x
        out = self._trained(inner, rank, linear.outputs)
        del inner
        return self.pointwise(out, saves_input=False)

    def _trained(
        self, x: Value, inputs: int, outputs: int, weight: Value | None = None
    ) -> Value:
        """``x @ W.t()`` for a weight of the adapter: input and weight are saved.

        `weight` is the weight as autocast has narrowed it, where it was needed before.
        """
        tape, rows = self.tape, self.rows
        needs_x = x.node is not None
        weight = weight or self._adapter_weight(inputs * outputs)
        item, elements = weight.item_bytes, inputs * outputs
        x = self.to(x, item)

        def backward(_: Storage) -> tuple[Storage | None, Storage]:
            to_x = self._viewed(rows * inputs * item) if needs_x else None
            return to_x, tape.hold(elements * item, GRADIENT)

        saved = (x.storage, weight.storage) if needs_x else (x.storage,)
        node = self.graph.add((x, weight), saved, backward)
        return Value(tape.hold(rows * outputs * item), rows * outputs, item, node)

    def _adapter_weight(self, elements: int) -> Value:
        """Return an adapter's weight; under autocast its 16-bit copy, which is kept.

        The copy's gradient is widened when its turn comes, after the product's own.
        """
        return self._narrowed_weight(elements, self.graph.leaf())

    def _narrowed_weight(self, elements: int, weight: Node) -> Value:
        leaf = Value(self._frozen, elements, 4, weight)
        if not self.habits.autocast:
            return leaf
        tape, item = self.tape, self.habits.item_bytes
        node = self.graph.add(
            (leaf,), (), lambda _: (tape.hold(elements * 4, GRADIENT),)
        )
        made = tape.hold(elements * item, WORKSPACE)
        self.graph.casts[len(self.graph.casts)] = made
        return Value(made, elements, item, node)

    def _with_dora(self, result: Value, x: Value, linear: Linear) -> Value:
        """DoRA (arXiv:2402.09353) as peft computes it (tuners/lora/dora.py).

        ``(m - 1) * base + m * B(A(x)) * scaling`` is added in 32 bits, m being the
        trained magnitude over the norm of ``W + B A``.
        """
        rank, dropped = self.method.rank, self.method.dropout > 0
        if dropped:
            x = self.dropout(x)
        weights = self._dora_weights(linear, x.item_bytes)
        scale = self._over_norm(linear.outputs, x.item_bytes)
        inner = self._trained(x, linear.inputs, rank, weights.first)
        delta = self._trained(inner, rank, linear.outputs, weights.second)
        del inner
        base = result
        if dropped:
            base = self._dora_product(x, linear, weights.dense)
        elif linear.bias:
            base = self.pointwise(result, saves_input=False)
        less = self.pointwise(scale, saves_input=False)
        part = self.mul(less, base)
        scaled = self.pointwise(self.mul(scale, delta), saves_input=False)
        part = self.add(part, scaled)
        del scaled, delta, base, weights, less, scale
        return self.add(result, part)

    def _over_norm(self, outputs: int, item_bytes: int) -> Value:
        """The magnitude over the norm, which is saved."""
        tape = self.tape
        norm, out = tape.hold(item_bytes * outputs), tape.hold(4 * outputs)
        leaf = Value(self._frozen, outputs, 4, self.graph.leaf())
        node = self.graph.add((leaf,), (norm,), lambda _: (tape.hold(4 * outputs),))
        return Value(out, outputs, 4, node)

    def _dora_product(self, x: Value, linear: Linear, weight: Storage) -> Value:
        """The base layer's product once more, of what dropout has left."""
        item = self.habits.item_bytes if self.habits.autocast else x.item_bytes
        if item != x.item_bytes:  # autocast narrows the weight as it does the input
            x = self.to(x, item)
            weight = self.tape.hold(linear.elements * item, WORKSPACE)
        return self._product(x, linear.inputs, linear.outputs, item, weight)

    def _dora_weights(self, linear: Linear, item_bytes: int) -> "_DoraWeights":
        """Form ``B A`` and the norm of ``W + B A``; return what is held meanwhile.

        ``B A`` is formed by handing the identity through the adapter; its own graph is
        forgotten with it, and a checkpointed stretch saves nothing of it.
        """
        tape, rank, square = self.tape, self.method.rank, linear.inputs**2
        product = self.habits.item_bytes if self.habits.autocast else 4
        identity = tape.hold(square * 4, WORKSPACE)
        narrow = tape.hold(square * product, WORKSPACE) if product != 4 else identity
        first = self._adapter_weight(linear.inputs * rank)
        saved = [narrow, tape.hold(linear.inputs * rank * product, WORKSPACE)]
        del narrow
        if self.graph.forgets:
            del saved[0]
        second = self._adapter_weight(rank * linear.outputs)
        delta = tape.hold(linear.elements * product, WORKSPACE)
        if self.graph.forgets:
            saved.clear()
        del identity
        if product != item_bytes:
            delta = tape.hold(linear.elements * item_bytes, WORKSPACE)
        dense = self._dense(linear, item_bytes)
        scaled = tape.hold(linear.elements * item_bytes, WORKSPACE)
        tape.brush(linear.elements * item_bytes)
        del scaled
        return _DoraWeights(first, second, dense, (*saved, delta))

    def _dense(self, linear: Linear, item_bytes: int) -> Storage:
        """The base layer's weight, out of its codes and in the wanted format."""
        habits = self.habits
        own = habits.rest_bytes if linear.never_quantised else habits.item_bytes
        dense = self._frozen
        if habits.quantised and not linear.never_quantised:
            dense = self.tape.hold(linear.elements * own, WORKSPACE)
        if item_bytes != own:
            dense = self.tape.hold(linear.elements * item_bytes, WORKSPACE)
        return dense

    # -- norms ---------------------------------------------------------------

    def norm(self, x: Value, kind: NormKind, rows: int | None = None) -> Value:
        """Return the normalised tensor; `rows` counts what is normalised together."""
        many = self.rows if rows is None else rows
        if kind == "layer":
            return self._layer_norm(x, many)
        came = x.item_bytes
        wide = self.to(x, 4)
        del x
        mean = self.square_mean(wide, many)
        shifted = self.add(mean, self.new(1, 4))
        del mean
        root = self._reciprocal_root(shifted)
        del shifted
        out = self.scale_rows(wide, root)
        del wide, root
        if kind == "rms_unit_offset":
            # Gemma multiplies in 32 bits with (1 + weight), then narrows.
            weight = self._weight(out.elements // many, 4)
            out = self.mul(out, weight)
            return self.to(out, came)
        narrow = self.to(out, came)
        weight = self._weight(out.elements // many, self.habits.rest_bytes)
        # `out` is a variable of the norm's own and lives until it returns
        return self.mul(narrow, weight)

    def _reciprocal_root(self, x: Value) -> Value:
        tape, size = self.tape, x.elements * x.item_bytes
        out = tape.hold(size)
        node = self.graph.add((x,), (out,), lambda _: (tape.hold(size),))
        return Value(out, x.elements, x.item_bytes, node)

    def _layer_norm(self, x: Value, rows: int) -> Value:
        tape, rest = self.tape, self.habits.rest_bytes
        if self.widens:
            x = self.to(x, 4)
        item = max(x.item_bytes, rest)
        out = tape.hold(x.elements * item)
        mean, root = tape.hold(rows * 4), tape.hold(rows * 4)
        size = x.elements * x.item_bytes
        node = self.graph.add(
            (x,), (x.storage, mean, root), lambda _: (tape.hold(size),)
        )
        return Value(out, x.elements, item, node)


@dataclass(frozen=True, slots=True)
class _DoraWeights:
    """What DoRA forms of the weights and holds until its layer is done."""

    first: Value
    """The adapter's weights, as autocast narrows them."""
    second: Value
    dense: Storage
    held: tuple[Storage, ...]
