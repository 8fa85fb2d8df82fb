"""Falcon's layer acted out on the tape: heads out of one matrix, a mask at all times.

Follows transformers 5.23's ``modeling_falcon.py``. torch is always handed a mask, so
flash attention never runs; and Falcon 7B's single head of keys and values is left to
torch to broadcast, which no fused kernel does: every score exists, in 32 bits
(``_scaled_dot_product_attention_math``, aten/native/transformers/attention.cpp).
"""

from core.estimate.acting.decoder import Decoder
from core.estimate.acting.graph import Value
from core.estimate.acting.tape import Storage
from core.models.shape import Attention, Block

_Heads = tuple[Value, Value, Value]


class FalconDecoder(Decoder):
    """Layers of a Falcon."""

    _handed: Value | None = None
    """The scores of the layer before, which its results hold until the next ones."""

    def block(self, block: Block, x: Value) -> Value:
        """Return the layer's output for its input `x`."""
        try:
            return self._block(block, x)
        finally:
            weights, self._weights = self._weights, None
            if not self.graph.recomputes:
                self._hand_on(weights)

    def release(self) -> None:
        """Let go of the last layer's scores."""
        self._hand_on(None)

    def _hand_on(self, weights: Value | None) -> None:
        before = self.tape.live
        self._handed = weights
        self.dropped_bytes = before - self.tape.live

    def _block(self, block: Block, x: Value) -> Value:
        """The layer's own frame holds what attention read and gave to its end."""
        normed = self.norm(x, block.norm)
        two = block.parallel and len(block.norms) > 2
        second = self.norm(x, block.norm) if two else normed
        attended = self.attention(block, normed)
        if not block.parallel:
            x = self.add(x, attended)
            second = self.norm(x, block.norm)
        fed = self.mlp(block.mlp, second)
        if block.parallel:
            fed = self._added_in_place(fed, attended)
        return self.add(fed, x)

    def _added_in_place(self, a: Value, b: Value) -> Value:
        node = self.graph.add((a, b), (), lambda g: (g, g))
        return Value(a.storage, a.elements, a.item_bytes, node)

    def _scaled_in_place(self, x: Value) -> Value:
        tape, size = self.tape, x.elements * x.item_bytes
        node = self.graph.add((x,), (), lambda _: (tape.hold(size),))
        return Value(x.storage, x.elements, x.item_bytes, node)

    # -- attention -----------------------------------------------------------

    def attention(self, block: Block, x: Value) -> Value:
        """Return the attention's output projection for the normed input `x`."""
        attention = block.attention
        fused = self.linear(x, attention.linears[0])
        query, key, value = self._split(attention, fused)
        if attention.rotary:
            query, key = self._rotated(query), self._rotated(key)
        if self.habits.keeps_cache:
            key, value = self._cached(key), self._cached(value)
        held: list[Value] = []  # what the attention's own frame holds to its end
        if self.habits.kernel != "eager":
            out = self._by_kernel(attention, query, key, value)
        elif attention.alibi:
            out = self._with_alibi(attention, (query, key, value), x.item_bytes, held)
        else:
            out = self._plainly(attention, (query, key, value), x.item_bytes, held)
        return self.linear(out, attention.output)

    def _split(self, attention: Attention, fused: Value) -> _Heads:
        """Slices of one projection; single heads are taken by index, a copy."""
        rows = self.rows
        query = self._slice(fused, rows * attention.query)
        if not attention.spread and attention.kv_heads == attention.heads:
            size = rows * attention.key
            return query, self._slice(fused, size), self._slice(fused, size)
        key, value = (self._indexed(fused, rows * attention.key) for _ in range(2))
        groups = attention.kv_heads > 1 and attention.kv_heads < attention.heads
        if not attention.spread:
            return query, key, value
        spread = [
            self._expanded(one, query.elements, copied=groups) for one in (key, value)
        ]
        if groups:
            query = self._clone(query)
        return query, spread[0], spread[1]

    def _slice(self, fused: Value, elements: int) -> Value:
        """A view; its gradient is as large as the whole, zeros but for the slice."""
        tape, size = self.tape, fused.elements * fused.item_bytes
        node = self.graph.add((fused,), (), lambda _: (tape.hold(size),))
        return Value(fused.storage, elements, fused.item_bytes, node)

    def _indexed(self, fused: Value, elements: int) -> Value:
        tape, size = self.tape, fused.elements * fused.item_bytes
        index = tape.hold(8)
        out = tape.hold(elements * fused.item_bytes)
        node = self.graph.add((fused,), (index,), lambda _: (tape.hold(size),))
        return Value(out, elements, fused.item_bytes, node)

    # -- with a kernel -------------------------------------------------------

    def _by_kernel(
        self, attention: Attention, query: Value, key: Value, value: Value
    ) -> Value:
        if self.habits.autocast:
            item = self.habits.item_bytes
            query, key = self.to(query, item), self.to(key, item)
            value = self.to(value, item)
        if not attention.spread and attention.kv_heads != attention.heads:
            return self._every_score(attention, query, key, value)
        bias = self._own_bias(attention, query.item_bytes)
        return self._fused_attention(
            attention, query, key, value, flash=False, bias=bias
        )

    def _own_bias(self, attention: Attention, item_bytes: int) -> Storage:
        if not attention.alibi:
            return self._bias(item_bytes)
        aligned = self.length % 16 == 0 and item_bytes == self.habits.rest_bytes
        if aligned and self.mask is not None:
            return self.mask  # numbers to add as they are
        columns = -(-self.length // 16) * 16
        return self.tape.hold(self.rows * columns * attention.heads * item_bytes)

    def _every_score(
        self, attention: Attention, query: Value, key: Value, value: Value
    ) -> Value:
        """Torch's own attention in plain operations, 16 bits widened to 32."""
        tape, item = self.tape, query.item_bytes
        bias = tape.hold(self.rows * self.length * item)
        elements, copied = query.elements, self.batch > 1
        wide = self.to(query, 4), self.to(key, 4), self.to(value, 4)
        scaled = self.pointwise(wide[0], saves_input=False)
        keys = self.pointwise(wide[1], saves_input=False)
        keys = self._expanded(keys, elements, copied=copied)
        scores = self.rows * self.length * attention.heads
        weights = self._batched(self._by_head(scaled, attention.heads), keys, scores)
        del keys
        weights = self._safe_softmax(weights)
        narrow = tape.hold(scores * item) if item != 4 else None  # made and forgotten
        values = self._expanded(wide[2], elements, copied=copied)
        out = self._batched(weights, values, elements)
        del values
        out = self.to(out, item)
        del bias, narrow
        return out

    def _safe_softmax(self, x: Value) -> Value:
        """Rows of nothing but -inf become 0 instead of nan."""
        tape, size = self.tape, x.elements * x.item_bytes
        shares = tape.hold(size)
        masked = tape.hold(x.elements)
        out = tape.hold(size)
        del shares, masked

        def backward(_: Storage) -> tuple[Storage]:
            made = tape.hold(size)
            tape.brush(size)
            return (made,)

        node = self.graph.add((x,), (out,), backward)
        return Value(out, x.elements, x.item_bytes, node)

    # -- in plain operations -------------------------------------------------

    def _scores(self, attention: Attention, query: Value, key: Value) -> Value:
        if key.elements != query.elements:
            key = self._expanded(key, query.elements, copied=self.batch > 1)
        elif not self.habits.keeps_cache:
            key = self._by_head(key, 2)
        cells = self.rows * self.length * attention.heads
        return self._batched(self._by_head(query, 2), key, cells)

    def _weighted_sum(self, weights: Value, query: Value, value: Value) -> Value:
        if value.elements != query.elements:
            value = self._expanded(value, query.elements, copied=self.batch > 1)
        elif not self.habits.keeps_cache:
            value = self._by_head(value, 2)
        if self.habits.autocast:
            weights = self.to(weights, self.habits.item_bytes)
        out = self._batched(weights, value, query.elements)
        return self._clone(out)

    def _plainly(
        self, attention: Attention, heads: _Heads, item: int, held: list[Value]
    ) -> Value:
        """``softmax(q @ k / sqrt(d) + mask) @ v``; `item` bytes has the layer's input."""
        query, key, value = heads
        scores = self._scaled_in_place(self._scores(attention, query, key))
        masked = self._clone(scores)
        weights = self._normalised(masked, "wide" if item == 4 else "narrow")
        del masked, scores
        held.append(weights)
        self._weights = weights
        return self._weighted_sum(weights, query, value)

    def _with_alibi(
        self, attention: Attention, heads: _Heads, item: int, held: list[Value]
    ) -> Value:
        """The same in 32 bits, plus a bias of the distance; all of it stays meanwhile."""
        query, key, value = heads
        product = self._scores(attention, query, key)
        wide = self.to(product, 4)
        logits = self._scaled_in_place(self._clone(wide))
        masked = self._clone(logits)
        narrow = self.to(masked, item)
        weights = self._normalised(narrow, "wide" if item == 4 else "narrow")
        del masked, narrow
        held += [product, wide, logits, weights]
        self._weights = weights
        return self._weighted_sum(weights, query, value)
