"""One layer of an encoder, or of the decoder it feeds, acted out on the tape.

The order of operations and the lifetime of every local follow transformers 5.23's
``modeling_t5.py``, ``modeling_bart.py``, ``modeling_bert.py``,
``modeling_distilbert.py`` and ``modeling_modernbert.py``. All run in a plain loop:
nothing is autocast.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from core.estimate.acting.graph import Value
from core.estimate.acting.scores import Around, Scores, View
from core.estimate.acting.tape import Storage
from core.estimate.loop import Habits
from core.models.shape import Attention, Block, Experts, FeedForward, Linear


class StackLayers(Scores):
    """Layers of an encoder or of the decoder behind it."""

    habits: Habits

    def layer(self, block: Block, x: Value, around: Around) -> Value:
        """Return the layer's output for its input `x`."""
        kept: list[Value] = []  # what the layer's own frame holds to its end
        x = self._attended_sum(block, block.attention, x, around, kept=kept)
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
        kept: list[Value] | None = None,
    ) -> Value:
        residual = x
        # ModernBERT's first layer has none: the embeddings were normed just before.
        if block.pre_norms and not block.sum_norms:
            x = self._normed(block, x)
        view = View(
            attention=attention, around=around, causal=not block.encoder, far=crosses
        )
        x = self.attend(view, x)
        if attention.fused and kept is not None:  # ModernBERT's ``attn_output``
            kept.append(x)
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
        out = self._by_row(x, root)
        del x, root
        rest = self.habits.rest_bytes
        if rest == 2:
            out = self.to(out, 2)
        return self.mul(out, self.new(out.elements // self.rows, rest))

    def _by_row(self, x: Value, factor: Value) -> Value:
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
