"""Linear layers with adapters, and norms, as memory.

Follows peft 0.21 (tuners/lora/layer.py, bnb.py), bitsandbytes 0.50
(autograd/_functions.py) and transformers 5.23's modeling files.
"""

from core.estimate.acting.graph import Graph, Value
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

    def _trained(self, x: Value, inputs: int, outputs: int) -> Value:
        """``x @ W.t()`` for a weight of the adapter: input and weight are saved."""
        tape, rows = self.tape, self.rows
        needs_x = x.node is not None
        weight = self._narrowed(inputs * outputs)
        item = self.habits.item_bytes if weight is not None else 4
        x = self.to(x, item)
        elements = inputs * outputs

        def backward(_: Storage) -> tuple[Storage | None, Storage]:
            to_x = self._viewed(rows * inputs * item) if needs_x else None
            to_weight = tape.hold(elements * item, GRADIENT)
            if item != 4:
                wide = tape.hold(elements * 4, GRADIENT)
                return (to_x, wide)
            return (to_x, to_weight)

        trained = Value(x.storage, 0, 0, self.graph.leaf())
        saved = (x.storage,) if weight is None else (x.storage, weight)
        node = self.graph.add((x, trained), saved, backward)
        return Value(tape.hold(rows * outputs * item), rows * outputs, item, node)

    def _narrowed(self, elements: int) -> Storage | None:
        """Return autocast's 16-bit copy of an adapter weight, or None without it."""
        if not self.habits.autocast:
            return None
        made = self.tape.hold(elements * self.habits.item_bytes, WORKSPACE)
        self.graph.casts[len(self.graph.casts)] = made
        return made

    def _with_dora(self, result: Value, x: Value, linear: Linear) -> Value:
        """DoRA (arXiv:2402.09353) as peft computes it (tuners/lora/dora.py).

        ``(m - 1) * base + m * B(A(x)) * scaling`` is added in 32 bits, m being the
        trained magnitude over the norm of ``W + B A``.
        """
        if self.method.dropout > 0:
            x = self.dropout(x)
        kept = self._dora_weights(linear, x.item_bytes)
        magnitude = Value(self.tape.hold(4 * linear.outputs), linear.outputs, 4, None)
        scale = self.pointwise(self.leaf(magnitude), saves_input=False)
        base = result
        if linear.bias and not self.method.dropout:
            base = self.pointwise(result, saves_input=False)
        inner = self._trained(x, linear.inputs, self.method.rank)
        delta = self._trained(inner, self.method.rank, linear.outputs)
        del inner
        if self.method.dropout > 0:
            item = self.habits.item_bytes if self.habits.autocast else x.item_bytes
            base = self._product(
                self.to(x, item), linear.inputs, linear.outputs, item, kept[-1]
            )
        less = self.pointwise(scale, saves_input=False)
        part = self.mul(less, base)
        scaled = self.pointwise(self.mul(scale, delta), saves_input=False)
        part = self.add(part, scaled)
        del scaled, delta, base, kept, x
        return self.add(result, part)

    def _dora_weights(self, linear: Linear, item_bytes: int) -> list[Storage]:
        """Form ``B A`` and the norm of ``W + B A``; return what is held meanwhile.

        ``B A`` is formed by handing the identity through the adapter.
        """
        tape, habits = self.tape, self.habits
        product = habits.item_bytes if habits.autocast else 4
        identity = tape.hold(linear.inputs**2 * 4, WORKSPACE)
        if product != 4:
            wide, identity = identity, tape.hold(linear.inputs**2 * product, WORKSPACE)
            del wide
        inner = tape.hold(linear.inputs * self.method.rank * product, WORKSPACE)
        delta = tape.hold(linear.elements * product, WORKSPACE)
        if product != item_bytes:
            delta = tape.hold(linear.elements * item_bytes, WORKSPACE)
        kept = [identity, inner, delta]
        own = habits.rest_bytes if linear.never_quantised else habits.item_bytes
        codes = habits.quantised and not linear.never_quantised
        if codes or item_bytes != own:
            kept.append(tape.hold(linear.elements * item_bytes, WORKSPACE))
        else:
            kept.append(self._frozen)
        scaled = tape.hold(linear.elements * item_bytes, WORKSPACE)
        tape.brush(linear.elements * item_bytes)
        del scaled
        return kept

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
