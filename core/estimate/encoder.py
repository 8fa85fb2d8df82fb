"""One layer of an encoder, or of the decoder it feeds, acted out on the tape.

The order of operations and the lifetime of every local follow transformers 5.23's
``modeling_t5.py``, ``modeling_bart.py``, ``modeling_bert.py``,
``modeling_distilbert.py`` and ``modeling_modernbert.py``. All run in a plain loop:
nothing is autocast.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from core.estimate.decoder import Decoder
from core.estimate.graph import Value
from core.estimate.loop import Habits
from core.estimate.tape import Storage
from core.models.shape import Attention, Block, Experts, FeedForward, Linear

# The memory-efficient kernel wants a bias whose rows are multiples of this long.
_BIAS_COLUMNS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What every layer of a stack is handed besides its input."""

    bias: Storage | None = None
    """Position biases of the stack, one for each head and pair of tokens."""
    cross_bias: Storage | None = None
    """The same for cross-attention: zeros (T5)."""
    mask: Storage | None = None
    """What a window hides, true or false (ModernBERT)."""
    memory: Value | None = None
    """The encoder's output."""


class StackLayers(Decoder):
    """Layers of an encoder or of the decoder behind it."""

    def layer(self, block: Block, x: Value, around: Around) -> Value:
        """Return the layer's output for its input `x`."""
        x = self._attended_sum(block, block.attention, x, around)
        if block.cross is not None:
            x = self._attended_sum(block, block.cross, x, around, crosses=True)
        residual = x
        if not block.sum_norms:
            x = self._normed(block, x)
        x = self.feed_forward(block.mlp, x)
        if block.residual_dropout:
            x = self.dropout(x)
        x = self.add(residual, x)
        return self._normed(block, x) if block.sum_norms else x

    def _attended_sum(
        self,
        block: Block,
        attention: Attention,
        x: Value,
        around: Around,
        *,
        crosses: bool = False,
    ) -> Value:
        residual = x
        # ModernBERT's first layer has none: the embeddings were normed just before.
        if block.pre_norms and not block.sum_norms:
            x = self._normed(block, x)
        x = self._attention(attention, x, around, causal=not block.encoder, far=crosses)
        if block.residual_dropout and not block.mlp_dropout_only:
            x = self.dropout(x)
        x = self.add(residual, x)
        return self._normed(block, x) if block.sum_norms else x

    def _normed(self, block: Block, x: Value) -> Value:
        if block.attention.position_bias:
            return self.short_norm(x)
        return self.norm(x, block.norm)

    def short_norm(self, x: Value) -> Value:
        """T5LayerNorm: the input is widened for its mean square alone."""
        wide = self.to(x, 4)
        mean = self.square_mean(wide, self.rows)
        del wide
        root = self._reciprocal_root(self.add(mean, self.new(1, 4)))
        del mean
        out = self._scaled(x, root)
        del x, root
        rest = self.habits.rest_bytes
        if rest == 2:
            out = self.to(out, 2)
        return self.mul(out, self.new(out.elements // self.rows, rest))

    def _scaled(self, x: Value, factor: Value) -> Value:
        """``x * factor``: 16 bits times 32 bits make 32 bits, without a copy."""
        if x.item_bytes == 4:
            return self.scale_rows(x, factor)
        tape, elements, narrow = self.tape, x.elements, x.item_bytes
        needs_x, needs_factor = x.node is not None, factor.node is not None
        out = tape.hold(elements * 4)
        small = factor.elements * 4

        def backward(_: Storage) -> tuple[Storage | None, Storage | None]:
            to_x = None
            if needs_x:
                wide = tape.hold(elements * 4)
                to_x = tape.hold(elements * narrow)
                del wide
            product = tape.hold(elements * 4)
            to_factor = tape.hold(small) if needs_factor else None
            del product
            return to_x, to_factor

        node = self.graph.add((x, factor), (x.storage, factor.storage), backward)
        return Value(out, elements, 4, node)

    # -- attention -----------------------------------------------------------

    def _attention(
        self,
        attention: Attention,
        x: Value,
        around: Around,
        *,
        causal: bool,
        far: bool,
    ) -> Value:
        source = around.memory if far and around.memory is not None else x
        if attention.fused:
            query, key, value = self._fused_projections(attention, x)
        else:
            query = self.linear(x, attention.linears[0])
            key = self.linear(source, attention.linears[1])
            value = self.linear(source, attention.linears[2])
        del x, source
        if attention.rotary:
            query, key = self._widely_rotated(query), self._widely_rotated(key)
        if self.habits.keeps_cache and causal:
            key, value = self._cached(key), self._cached(value)
        out = self._weighted(attention, query, key, value, around, causal, far)
        del query, key, value
        return self.linear(out, attention.output)

    def _widely_rotated(self, x: Value) -> Value:
        """ModernBERT turns queries and keys in 32 bits, then narrows them again."""
        came = x.item_bytes
        straight = self.pointwise(self.to(x, 4), saves_input=False)
        turned = self.rotate_half(self.to(x, 4))
        del x
        turned = self.pointwise(turned, saves_input=False)
        return self.to(self.add(straight, turned), came)

    def _weighted(
        self,
        attention: Attention,
        query: Value,
        key: Value,
        value: Value,
        around: Around,
        causal: bool,  # noqa: FBT001 - one inner step
        far: bool,  # noqa: FBT001
    ) -> Value:
        if self.habits.kernel == "eager":
            return self._eagerly(
                attention, query, key, value, around, causal and not far
            )
        bias = around.cross_bias if far else around.bias
        if attention.position_bias and bias is not None:
            mask = bias if far else self._ready_bias(bias, causal=causal)
            return self._biased(attention, query, key, value, self._aligned(mask))
        if attention.window is not None and around.mask is not None:
            item = query.item_bytes
            mask = self.tape.hold(
                around.mask.n_bytes * item
            )  # true or false to 0, -inf
            return self._biased(attention, query, key, value, mask)
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
        self,
        attention: Attention,
        query: Value,
        key: Value,
        value: Value,
        bias: Storage,
    ) -> Value:
        """Memory-efficient attention, the one fused kernel that takes a bias."""
        tape, item, heads = self.tape, query.item_bytes, attention.heads
        out = tape.hold(query.elements * item)
        rows = self.batch * -(-self.length // 32) * 32
        sums = tape.hold(rows * heads * 4)
        size, delta = query.elements * item, self.rows * heads * 4

        def backward(_: Storage) -> tuple[Storage, Storage, Storage]:
            made = tape.hold(size), tape.hold(size), tape.hold(size)
            tape.brush(delta)
            return made

        saved = (query.storage, key.storage, value.storage, out, sums, bias)
        node = self.graph.add((query, key, value), saved, backward)
        return Value(out, query.elements, item, node)

    def _eagerly(
        self,
        attention: Attention,
        query: Value,
        key: Value,
        value: Value,
        around: Around,
        masked: bool,  # noqa: FBT001 - one inner step
    ) -> Value:
        """Attention in plain operations, its softmax in the model's own format."""
        if attention.fused:
            value = self._clone(value)
        weights = self._batched(query, key, self.rows * self.length * attention.heads)
        del query, key
        weights = self.pointwise(weights, saves_input=False)  # times a constant
        biased = attention.position_bias + masked
        hidden = attention.window is not None and around.mask is not None
        for _ in range(biased + hidden):
            weights = self.pointwise(weights, saves_input=False)  # plus bias, mask
        weights = (
            self._softmax(weights) if attention.fused else self._own_softmax(weights)
        )
        if attention.dropout:
            weights = self.dropout(weights)
        out = self._batched(weights, value, value.elements)
        del weights, value
        return self._clone(out)

    def _own_softmax(self, x: Value) -> Value:
        tape, size = self.tape, x.elements * x.item_bytes
        out = tape.hold(size)

        def backward(_: Storage) -> tuple[Storage]:
            made = tape.hold(size)
            tape.brush(size)
            return (made,)

        node = self.graph.add((x,), (out,), backward)
        return Value(out, x.elements, x.item_bytes, node)

    # -- feed-forward --------------------------------------------------------

    def feed_forward(self, mlp: FeedForward | Experts, x: Value) -> Value:
        """Return the feed-forward part's output."""
        assert isinstance(mlp, FeedForward)  # no encoder we know mixes experts
        last = mlp.linears[-1]
        if mlp.fused:
            inner = self._halved(mlp, x)
        elif mlp.gated:
            gate = self._acted(self.linear(x, mlp.linears[0]), mlp)
            inner = self.mul(gate, self.linear(x, mlp.linears[1]))
            del gate
        else:
            inner = self._acted(self.linear(x, mlp.linears[0]), mlp)
        del x
        if mlp.dropout:
            inner = self.dropout(inner)
        if not last.wide_in_fp16:
            return self.linear(inner, last)
        with self._kept_wide():
            return self.linear(self.to(inner, self.habits.wide_bytes), last)

    def _halved(self, mlp: FeedForward, x: Value) -> Value:
        """``act(first) * second``, halves of one projection."""
        both = self.linear(x, mlp.linears[0])
        tape, size = self.tape, both.elements * both.item_bytes

        def half() -> Value:
            node = self.graph.add((both,), (), lambda _: (tape.hold(size),))
            return Value(both.storage, both.elements // 2, both.item_bytes, node)

        first, second = half(), half()
        return self.mul(self._acted(first, mlp), second)

    def _acted(self, x: Value, mlp: FeedForward) -> Value:
        if mlp.activation != "relu":
            return self._activated(x, mlp)
        tape, size = self.tape, x.elements * x.item_bytes
        out = tape.hold(size)  # relu is undone by looking at its output
        node = self.graph.add((x,), (out,), lambda _: (tape.hold(size),))
        return Value(out, x.elements, x.item_bytes, node)

    # -- linear layers of other kinds ----------------------------------------

    @contextmanager
    def _kept_wide(self) -> Generator[None]:
        """For layers that are neither quantised nor narrowed."""
        before: Habits = self.habits
        self.habits = replace(before, method="lora", item_bytes=before.wide_bytes)
        try:
            yield
        finally:
            self.habits = before

    def one_each(self, x: Value, linear: Linear) -> Value:
        """Return the output of a layer that sees one token of each sequence."""
        rows, self.rows = self.rows, self.batch
        try:
            return self.linear(x, linear)
        finally:
            self.rows = rows
