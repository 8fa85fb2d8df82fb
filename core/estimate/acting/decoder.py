"""One decoder layer acted out on the tape, family by family.

The order of operations and the lifetime of every local follow transformers 5.23's
``modeling_*.py``; ``del`` stands where the original drops its last reference.
"""

from core.estimate.acting.feed_forward import FeedForwards
from core.estimate.acting.graph import Graph, Value
from core.estimate.acting.tape import WORKSPACE, Storage
from core.estimate.loop import Habits
from core.models.shape import Attention, Block, Softmax
from core.plan.plan import Method

# FlashAttention-2 pads the sequence of its 32-bit query gradient to 128 rows and the
# head to a multiple of 32.
_FLASH_ROWS = 128
_FLASH_HEAD = 32
_BIAS_COLUMNS = 16


class Decoder(FeedForwards):
    """Layers of a decoder for `batch` sequences of `length` tokens."""

    def __init__(
        self, graph: Graph, *, habits: Habits, method: Method, batch: int, length: int
    ) -> None:
        super().__init__(graph, habits=habits, method=method, rows=batch * length)
        self.batch = batch
        self.length = length
        self.cache: list[Storage] = []
        """Keys and values held with the outputs."""
        self.mask: Storage | None = None
        """What every layer is handed to add to its scores, where layers share it."""
        self.angle_bytes = 0
        """Of each cosine and sine; 0: as wide as what is turned."""
        self.turns_back = False
        """Whether the backward pass turns anything, and needs the angles again."""
        self.dropped_bytes = 0
        """What was let go of when the last layer gave its result."""
        self._weights: Value | None = None
        """The scores' softmax, which a layer holds until it returns."""

    @property
    def cached_bytes(self) -> int:
        """Bytes of the cache so far."""
        return sum(storage.n_bytes for storage in self.cache)

    def block(self, block: Block, x: Value) -> Value:
        """Return the layer's output for its input `x`."""
        try:
            return self._block(block, x)
        finally:
            self._weights = None

    def release(self) -> None:
        """Let go of what the model's own loop over its layers holds."""

    def _block(self, block: Block, x: Value) -> Value:
        if block.parallel:
            return self._parallel(block, x)
        residual = x
        if block.pre_norms:
            x = self.norm(x, block.norm)
        kept = [x] if block.keeps_attention else []
        x = self._residual_dropout(block, self.attention(block, x))
        kept += [x] if block.keeps_attention else []
        if block.post_norms:
            x = self.norm(x, block.norm)
        x = self.add(residual, self._scaled(block, x))
        residual = x
        if block.pre_norms:
            x = self.norm(x, block.norm)
        x = self._residual_dropout(block, self.mlp(block.mlp, x))
        if block.post_norms:
            x = self.norm(x, block.norm)
        return self.add(residual, self._scaled(block, x))

    def _scaled(self, block: Block, x: Value) -> Value:
        return self.pointwise(x, saves_input=False) if block.scaled_sums else x

    def _parallel(self, block: Block, x: Value) -> Value:
        normed = self.norm(x, block.norm)
        attended = self._residual_dropout(block, self.attention(block, normed))
        if len(block.norms) > 2:  # made after attention, so its backward comes before
            normed = self.norm(x, block.norm)
        fed = self._residual_dropout(block, self.mlp(block.mlp, normed))
        del normed
        return self.add(self.add(attended, fed), x)

    def _residual_dropout(self, block: Block, x: Value) -> Value:
        return self.dropout(x) if block.residual_dropout else x

    # -- attention -----------------------------------------------------------

    def attention(self, block: Block, x: Value) -> Value:
        """Return the attention's output projection for the normed input `x`."""
        attention = block.attention
        fused: tuple[Value, ...] = ()
        if attention.fused:  # a variable of the attention's own, held to its end
            fused = query, key, value = self._fused_projections(attention, x)
        else:
            query = self._projected(block, x, 0)
            key = self._projected(block, x, 1)
            value = self.linear(x, attention.linears[2])
        del x
        if attention.rotary:
            query, key = self._rotated(query), self._rotated(key)
        if self.habits.keeps_cache:
            key, value = self._cached(key), self._cached(value)
        out = self._attended(attention, query, key, value)
        out = self.linear(out, attention.output)
        del fused
        return out

    def _cached(self, x: Value) -> Value:
        """Return what DynamicCache hands back: ``cat`` of nothing and `x`."""
        out = self._clone(x)
        self.cache.append(out.storage)
        return out

    def _projected(self, block: Block, x: Value, number: int) -> Value:
        attention = block.attention
        out = self.linear(x, attention.linears[number])
        if attention.qk_norm == "none":
            return out
        heads = (attention.heads, attention.kv_heads)[number]
        rows = self.rows * (heads if attention.qk_norm == "head" else 1)
        return self.norm(out, block.norm, rows)

    def _fused_projections(
        self, attention: Attention, x: Value
    ) -> tuple[Value, Value, Value]:
        """q, k and v as views of one projection; the slices' gradients are whole."""
        tape = self.tape
        out = self.linear(x, attention.linears[0])
        item, size = out.item_bytes, out.elements * out.item_bytes
        sizes = (attention.query, attention.key, attention.key)

        def view(elements: int) -> Value:
            node = self.graph.add((out,), (), lambda _: (tape.hold(size),))
            return Value(out.storage, elements, item, node)

        query, key, value = (view(self.rows * n) for n in sizes)
        return query, key, value

    def _rotated(self, x: Value) -> Value:
        """``x * cos + rotate_half(x) * sin``; cos and sin are shared by all layers."""
        came = x.item_bytes
        self.turns_back |= x.node is not None
        angles = Value(self._frozen, 1, self.angle_bytes or came, None)
        straight = self.mul(x, angles)
        turned = self.rotate_half(x)
        del x
        turned = self.mul(turned, angles)
        return self.to(self.add(straight, turned), came)

    def _attended(
        self, attention: Attention, query: Value, key: Value, value: Value
    ) -> Value:
        if self.habits.autocast:
            item = self.habits.item_bytes
            query, key = self.to(query, item), self.to(key, item)
            value = self.to(value, item)
        if self.habits.kernel == "eager" or attention.softcap:
            return self._eager(attention, query, key, value)
        masked = self.is_masked(attention)
        flash = self._has_flash(query) and not masked
        if not flash and attention.kv_heads != attention.heads:
            copied = attention.kv_heads > 1
            key = self._expanded(key, query.elements, copied=copied)
            value = self._expanded(value, query.elements, copied=copied)
        bias = self._bias(query.item_bytes) if masked else None
        return self._fused_attention(
            attention, query, key, value, flash=flash, bias=bias
        )

    def is_masked(self, attention: Attention) -> bool:
        """Whether a window hides anything, so that torch is handed a mask."""
        hides = attention.window is not None and self.length >= attention.window
        return attention.always_masked or hides

    def _bias(self, item_bytes: int) -> Storage:
        """The mask as the memory-efficient kernel adds it, made anew in each layer."""
        columns = -(-self.length // _BIAS_COLUMNS) * _BIAS_COLUMNS
        return self.tape.hold(self.rows * columns * item_bytes)

    def _has_flash(self, query: Value) -> bool:
        """Whether the flash kernel runs: it multiplies 16-bit numbers alone."""
        if not self.habits.on_gpu:
            return True
        return self.habits.kernel == "flash" and query.item_bytes != 4

    def _expanded(self, x: Value, elements: int, *, copied: bool) -> Value:
        """``repeat_kv``; its gradient is summed over the copies.

        A single head is not copied but looked at several times (a stride of 0), as long
        as the product after it can do with that.
        """
        tape, small = self.tape, x.elements * x.item_bytes
        out = tape.hold(elements * x.item_bytes) if copied else x.storage
        node = self.graph.add((x,), (), lambda _: (tape.hold(small),))
        return Value(out, elements, x.item_bytes, node)

    def _fused_attention(
        self,
        attention: Attention,
        query: Value,
        key: Value,
        value: Value,
        *,
        flash: bool,
        bias: Storage | None = None,
    ) -> Value:
        """Flash or memory-efficient attention: saves q, k, v, out and a row of sums."""
        tape, item = self.tape, query.item_bytes
        out = tape.hold(query.elements * item)
        length = self.length if flash else -(-self.length // 32) * 32
        sums = tape.hold(self.batch * length * attention.heads * 4)
        sizes = [part.elements * item for part in (query, key, value)]
        grouped = key.elements != query.elements

        def backward(_: Storage) -> tuple[Storage, Storage, Storage]:
            made = [tape.hold(size) for size in sizes]
            scratch = self._attention_scratch(
                attention, item, flash=flash, grouped=grouped
            )
            del scratch
            return made[0], made[1], made[2]

        saved = (query.storage, key.storage, value.storage, out, sums)
        if bias is not None:
            saved = (*saved, bias)
        node = self.graph.add((query, key, value), saved, backward)
        return Value(out, query.elements, item, node)

    def _attention_scratch(
        self,
        attention: Attention,
        item: int,
        *,
        flash: bool,
        grouped: bool,
    ) -> list[Storage]:
        tape, heads = self.tape, attention.heads
        if not flash or not self.habits.on_gpu:
            return [tape.hold(self.rows * heads * 4, WORKSPACE)]
        padded = -(-self.length // _FLASH_ROWS) * _FLASH_ROWS * self.batch
        head = -(-attention.head_dim // _FLASH_HEAD) * _FLASH_HEAD
        found = [
            tape.hold(padded * heads * 4, WORKSPACE),
            tape.hold(padded * heads * head * 4, WORKSPACE),
        ]
        if grouped:
            full = self.rows * attention.query * item
            found += [tape.hold(full, WORKSPACE), tape.hold(full, WORKSPACE)]
        return found

    def _eager(
        self, attention: Attention, query: Value, key: Value, value: Value
    ) -> Value:
        """Attention in plain operations: every score exists, several times over."""
        if attention.kv_heads != attention.heads:
            copied = attention.kv_heads > 1 or self.batch > 1
            key = self._expanded(key, query.elements, copied=copied)
            value = self._expanded(value, query.elements, copied=copied)
        elif not self.habits.keeps_cache:  # which lays them out by head
            key, value = (self._by_head(x, attention.kv_heads) for x in (key, value))
        scores = self.rows * self.length * attention.heads
        query = self._by_head(query, attention.heads)
        weights = self._batched(query, key, scores)
        weights = self.pointwise(weights, saves_input=False)
        if attention.softcap:  # / cap, tanh, * cap
            weights = self.pointwise(weights, saves_input=False)
            weights = self.pointwise(weights, saves_input=True)
            weights = self.pointwise(weights, saves_input=False)
        weights = self._clone(weights)  # + mask, which lets the gradient through
        weights = self._softmax(weights, attention.softmax)
        if attention.dropout:
            weights = self.dropout(weights)
        self._weights = weights  # handed on to the layer, which holds it to its end
        out = self._batched(weights, value, query.elements)
        return self._clone(out)  # transpose(1, 2).contiguous()

    def _by_head(self, x: Value, heads: int) -> Value:
        """Several sequences are laid out by head before a batched product."""
        return self._clone(x) if self.batch > 1 and heads > 1 else x

    def _batched(self, a: Value, b: Value, elements: int) -> Value:
        """A batched matrix product; each factor is saved for the other's gradient."""
        tape, item = self.tape, a.item_bytes
        size_a, size_b = a.elements * item, b.elements * item
        needs_a, needs_b = a.node is not None, b.node is not None

        def backward(_: Storage) -> tuple[Storage | None, Storage | None]:
            return (
                tape.hold(size_a) if needs_a else None,
                tape.hold(size_b) if needs_b else None,
            )

        saved = (*((b.storage,) if needs_a else ()), *((a.storage,) if needs_b else ()))
        node = self.graph.add((a, b), saved, backward)
        return Value(tape.hold(elements * item), elements, item, node)

    def _softmax(self, x: Value, kind: Softmax = "wide") -> Value:
        """``softmax(x, dtype=float32).to(x.dtype)``, or in the type of `x`.

        One fused kernel for fp16 on CUDA; for bf16 the input is widened first. The
        backward kernel takes ``grad * output`` besides its result.
        """
        return self.to(self._normalised(x, kind), x.item_bytes)

    def _normalised(self, x: Value, kind: Softmax) -> Value:
        tape, elements, item = self.tape, x.elements, x.item_bytes
        narrow = kind == "narrow" or (kind == "by autocast" and not self.widens)
        out_item = item if narrow else 4
        fused = self.habits.fp16 and self.habits.on_gpu
        widened = not narrow and not fused and item != 4
        wide = tape.hold(elements * 4) if widened else None
        out = tape.hold(elements * out_item)
        del wide

        def backward(_: Storage) -> tuple[Storage]:
            made = tape.hold(elements * (4 if widened else item))
            tape.brush(elements * out_item)
            if widened:
                narrowed = tape.hold(elements * item)
                del made
                return (narrowed,)
            return (made,)

        node = self.graph.add((x,), (out,), backward)
        return Value(out, elements, out_item, node)
