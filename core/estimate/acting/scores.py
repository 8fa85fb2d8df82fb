"""Attention of encoders, and of decoders behind them, acted out on the tape.

As transformers 5.23's ``modeling_t5.py``, ``modeling_bart.py``, ``modeling_bert.py``
and ``modeling_modernbert.py`` do it, through ``integrations/sdpa_attention.py`` or in
plain operations. Nothing is autocast: all run in a plain loop.
"""

from dataclasses import dataclass

from core.estimate.acting.decoder import Decoder
from core.estimate.acting.graph import Value
from core.estimate.acting.tape import GRADIENT, Storage
from core.models.shape import Attention

# The memory-efficient kernel wants a bias whose rows are multiples of this long.
_BIAS_COLUMNS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What every layer of a stack is handed besides its input."""

    bias: Storage | None = None
    """Position biases of the stack, one for each head and pair of tokens."""
    cross_bias: Storage | None = None
    """The same for cross-attention: zeros (T5)."""
    cross_gradient: list[Storage] | None = None
    """The zeros' gradient once there is one; None where none is wanted."""
    mask: Storage | None = None
    """What a window hides, true or false (ModernBERT)."""
    memory: Value | None = None
    """The encoder's output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one attention looks at."""

    attention: Attention
    around: Around
    causal: bool
    """It stands in a decoder."""
    far: bool
    """It looks at the encoder's output."""

    @property
    def leaf(self) -> list[Storage] | None:
        """Where the gradient of T5's zeros is kept; None where there is none."""
        return self.around.cross_gradient if self.far else None


class Scores(Decoder):
    """Attention where every token may see every other, or biases are added."""

    def attend(self, view: View, x: Value) -> Value:
        """Return the attention's output projection for its input `x`."""
        attention, memory = view.attention, view.around.memory
        source = memory if view.far and memory is not None else x
        if attention.fused:
            query, key, value = self._fused_projections(attention, x)
        else:
            query = self.linear(x, attention.linears[0])
            key = self.linear(source, attention.linears[1])
            value = self.linear(source, attention.linears[2])
        del x, source
        if attention.rotary:
            query, key = self._widely_rotated(query), self._widely_rotated(key)
        if self.habits.keeps_cache and view.causal:
            key, value = self._cached(key), self._cached(value)
        bias = self._biases(view)
        out = self._weighted(view, query, key, value, bias)
        del query, key, value
        return self.linear(out, attention.output)

    def _biases(self, view: View) -> Storage | None:
        """Return the biases of the scores; UMT5 looks them up in every layer anew."""
        around, attention = view.around, view.attention
        if not attention.position_bias:
            return None
        handed = around.cross_bias if view.far else around.bias
        return handed or self.looked_up(attention)

    def looked_up(self, attention: Attention) -> Storage:
        """Return one bias for each head and pair of tokens, out of a small table."""
        pairs = self.length * self.length
        self.tape.brush(3 * pairs * 8)  # distances, their logarithms, buckets
        return self.tape.hold(attention.heads * pairs * self.habits.rest_bytes)

    def _widely_rotated(self, x: Value) -> Value:
        """ModernBERT turns queries and keys in 32 bits, then narrows them again."""
        came = x.item_bytes
        straight = self.pointwise(self.to(x, 4), saves_input=False)
        turned = self.rotate_half(self.to(x, 4))
        del x
        turned = self.pointwise(turned, saves_input=False)
        return self.to(self.add(straight, turned), came)

    def _weighted(
        self, view: View, query: Value, key: Value, value: Value, bias: Storage | None
    ) -> Value:
        attention, around = view.attention, view.around
        if self.habits.kernel == "eager":
            return self._eagerly(view, query, key, value)
        if bias is not None:
            mask = bias if view.far else self._ready_bias(bias, causal=view.causal)
            return self._biased(view, query, key, value, self._aligned(mask))
        if attention.window is not None and around.mask is not None:
            # true or false becomes 0 or -inf, for each sequence anew
            size = self.batch * around.mask.n_bytes * query.item_bytes
            return self._biased(view, query, key, value, self.tape.hold(size))
        flash = self._has_flash(query)
        return self._fused_attention(attention, query, key, value, flash=flash)

    def _ready_bias(self, bias: Storage, *, causal: bool) -> Storage:
        """A copy in the order the kernel wants; the future is hidden on the way."""
        hidden = self.tape.hold(bias.n_bytes) if causal else None
        made = self.tape.hold(bias.n_bytes)
        del hidden
        return made

    def _aligned(self, bias: Storage) -> Storage:
        if self.length % _BIAS_COLUMNS == 0:
            return bias
        wide = -(-self.length // _BIAS_COLUMNS) * _BIAS_COLUMNS
        return self.tape.hold(bias.n_bytes // self.length * wide)

    def _biased(
        self, view: View, query: Value, key: Value, value: Value, bias: Storage
    ) -> Value:
        """Memory-efficient attention, the one fused kernel that takes a bias."""
        tape, item, heads = self.tape, query.item_bytes, view.attention.heads
        out = tape.hold(query.elements * item)
        rows = self.batch * -(-self.length // 32) * 32
        sums = tape.hold(rows * heads * 4)
        size, delta = query.elements * item, self.rows * heads * 4
        leaf, part = view.leaf, bias.n_bytes
        batch = self.batch

        def backward(_: Storage) -> tuple[Storage, Storage, Storage]:
            made = tape.hold(size), tape.hold(size), tape.hold(size)
            tape.brush(delta)
            if leaf is not None:
                whole = tape.hold(batch * part)
                self._grow(leaf, part)
                del whole
            return made

        saved = (query.storage, key.storage, value.storage, out, sums, bias)
        node = self.graph.add((query, key, value), saved, backward)
        return Value(out, query.elements, item, node)

    def _grow(self, leaf: list[Storage], n_bytes: int) -> None:
        """Add to the gradient of T5's zeros, which checkpointing asks for."""
        part = self.tape.hold(n_bytes, GRADIENT)
        if not leaf:
            leaf.append(part)

    # -- in plain operations ---------------------------------------------------------

    def _eagerly(self, view: View, query: Value, key: Value, value: Value) -> Value:
        """Every score exists; the softmax is in the model's own format."""
        attention = view.attention
        if attention.fused:
            value = self._clone(value)
        weights = self._batched(query, key, self.rows * self.length * attention.heads)
        del query, key
        weights = self.pointwise(weights, saves_input=False)  # times a constant
        if attention.position_bias:
            weights = self._plus_bias(view, weights)
        if (view.causal and not view.far) or (
            attention.window is not None and view.around.mask is not None
        ):
            weights = self.pointwise(weights, saves_input=False)  # plus a mask
        weights = (
            self._softmax(weights) if attention.fused else self._own_softmax(weights)
        )
        if attention.dropout:
            weights = self.dropout(weights)
        out = self._batched(weights, value, value.elements)
        del weights, value
        return self._clone(out)

    def _plus_bias(self, view: View, x: Value) -> Value:
        """Scores plus a bias; where its gradient is wanted, summed over the batch."""
        leaf, bias = view.leaf, view.around.cross_bias
        if leaf is None or bias is None:
            return self.pointwise(x, saves_input=False)
        n_bytes = bias.n_bytes

        def backward(gradient: Storage) -> tuple[Storage]:
            self._grow(leaf, n_bytes)
            return (gradient,)

        out = self.tape.hold(x.elements * x.item_bytes)
        node = self.graph.add((x,), (), backward)
        return Value(out, x.elements, x.item_bytes, node)

    def _own_softmax(self, x: Value) -> Value:
        tape, size = self.tape, x.elements * x.item_bytes
        out = tape.hold(size)

        def backward(_: Storage) -> tuple[Storage]:
            made = tape.hold(size)
            tape.brush(size)
            return (made,)

        node = self.graph.add((x,), (out,), backward)
        return Value(out, x.elements, x.item_bytes, node)
