"""The output layer and the loss, as our loop runs them and as transformers does.

Ours is `core.engine.head`: chunk by chunk, the gradient formed at once; where the output
layer has an adapter, each chunk is checkpointed instead. A plain loop's is transformers'
``ForCausalLMLoss``: logits of all tokens, in 32 bits.
"""

from dataclasses import replace

from core.estimate.acting.decoder import Decoder
from core.estimate.acting.graph import Graph, Node, Value
from core.estimate.acting.layers import Layers
from core.estimate.acting.tape import GRADIENT, LOGITS, Storage
from core.estimate.loop import Habits, chunk_tokens
from core.estimate.static import adapts_head
from core.models.shape import Linear, ModelShape
from core.plan.plan import Plan


class Loss:
    """What follows the last norm, for one micro-batch."""

    def __init__(
        self, shape: ModelShape, plan: Plan, habits: Habits, decoder: Decoder
    ) -> None:
        self.shape = shape
        self.plan = plan
        self.habits = habits
        self.graph: Graph = decoder.graph
        self.tape = decoder.tape
        self.tokens = decoder.rows
        self.outputs: Value | None = None
        """The logits, where the loop holds on to them."""
        self._adapted = adapts_head(shape, plan.method)

    def of(self, hidden: Value) -> Value:
        """Return the loss of the last norm's output."""
        if not self.habits.fused_loss:
            return self._plain(hidden)
        return self._chunked(hidden) if self._adapted else self._ours(hidden)

    # -- a plain loop's ----------------------------------------------------------------

    def _plain(self, hidden: Value) -> Value:
        head = _Head(self, self.tokens)
        if self._adapted:
            logits = head.linear(hidden, head.layer)
        else:
            logits = self._projected(head.to(hidden, self.habits.rest_bytes))
        self.tape.relabel(logits.storage, LOGITS)
        logits = head.capped(logits)
        self.outputs = logits if self.habits.hold_outputs else None
        return head.cross_entropy(logits)

    def _projected(self, hidden: Value) -> Value:
        tape, graph, item = self.tape, self.graph, self.habits.rest_bytes
        words = self.tokens * self.shape.vocabulary
        tape_bytes = self.tokens * self.shape.hidden * item
        raw = tape.hold(words * item, LOGITS)
        if self.plan.method.has_adapter:
            node = graph.add((hidden,), (), lambda _: (tape.hold(tape_bytes),))
        else:
            weight = Value(hidden.storage, 0, 0, graph.leaf())
            grown = self.shape.head.elements * item
            node = graph.add(
                (hidden, weight),
                (hidden.storage,),
                lambda _: (tape.hold(tape_bytes), tape.hold(grown, GRADIENT)),
            )
        return Value(raw, words, item, node)

    # -- ours --------------------------------------------------------------------------

    def _trained(self) -> int:
        """Every token but the first of each row, unless it is known how many."""
        train, known = self.plan.train, self.habits.trained_tokens
        return max(
            1, train.batch_size * (train.seq_len - 1) if known is None else known
        )

    def _ours(self, hidden: Value) -> Value:
        tape, item, trained = self.tape, self.habits.item_bytes, self._trained()
        size = trained * self.shape.hidden
        wide = self._picked(hidden, size)  # stays alive in the learner's frame
        picked = _Head(self, trained).to(wide, item)
        gradient = tape.hold(size * item, LOGITS)
        self._act_chunk(min(chunk_tokens(self.shape.vocabulary), trained), item)
        node = self.graph.add(
            (picked,), (gradient,), lambda _: (tape.hold(size * item),)
        )
        return Value(tape.hold(4, LOGITS), 1, 4, node)

    def _picked(self, hidden: Value, elements: int) -> Value:
        """``index_select`` of the trained tokens."""
        tape, whole = self.tape, hidden.elements * hidden.item_bytes
        out = tape.hold(elements * hidden.item_bytes)
        node = self.graph.add((hidden,), (), lambda _: (tape.hold(whole),))
        return Value(out, elements, hidden.item_bytes, node)

    def _act_chunk(self, tokens: int, item: int) -> None:
        """The temporaries of one chunk of the loss."""
        tape = self.tape
        words = tokens * self.shape.vocabulary
        raw = tape.hold(words * item, LOGITS) if item != 4 else None
        wide = tape.hold(words * 4, LOGITS)
        del raw
        if self.shape.softcap:
            tape.brush(words * 4, LOGITS)  # the cap's slope
        narrow = tape.hold(words * item, LOGITS) if item != 4 else None
        if narrow is not None:
            del wide
        tape.brush(tokens * self.shape.hidden * item, LOGITS)

    # -- ours, where the output layer has an adapter -------------------------------------

    def _chunked(self, hidden: Value) -> Value:
        """Each chunk is run again for its gradient.

        All chunks of a size hold the same, so two of the full ones and the last stand
        for all.
        """
        trained = self._trained()
        picked = self._picked(hidden, trained * self.shape.hidden)
        chunk = min(chunk_tokens(self.shape.vocabulary), trained)
        sizes = [chunk] * min(2, trained // chunk)
        if trained % chunk:
            sizes.append(trained % chunk)
        leaves: dict[int, Node] = {}
        casts: dict[int, Value] = {}
        total = Value(self.tape.hold(4), 1, 4, None)
        for tokens in sizes:
            head = _Head(self, tokens, leaves=leaves, casts=casts)
            loss = self.graph.checkpoint(head.loss, self._part(picked, tokens))
            total = head.add(total, loss)
        casts.clear()  # autocast's cache holds them, as long as there is one
        return total

    def _part(self, x: Value, tokens: int) -> Value:
        """A slice; its gradient is as large as the whole, zeros but for the slice."""
        tape, whole = self.tape, x.elements * x.item_bytes
        node = self.graph.add((x,), (), lambda _: (tape.hold(whole),))
        return Value(x.storage, tokens * self.shape.hidden, x.item_bytes, node)


class _Head(Layers):
    """The output layer for so many tokens."""

    def __init__(
        self,
        loss: Loss,
        rows: int,
        *,
        leaves: dict[int, Node] | None = None,
        casts: dict[int, Value] | None = None,
    ) -> None:
        super().__init__(
            loss.graph, habits=loss.habits, method=loss.plan.method, rows=rows
        )
        self._shape = loss.shape
        self._leaves = {} if leaves is None else leaves
        self._casts = {} if casts is None else casts

    @property
    def layer(self) -> Linear:
        """The output layer, which no method quantises."""
        return replace(self._shape.head, never_quantised=self.habits.quantised)

    def loss(self, hidden: Value) -> Value:
        """Return one chunk's loss."""
        logits = self.linear(hidden, self.layer)
        self.tape.relabel(logits.storage, LOGITS)
        return self.cross_entropy(self.capped(self.to(logits, 4)))

    def capped(self, logits: Value) -> Value:
        """``tanh(logits / cap) * cap``, in models that have one."""
        if not self._shape.softcap:
            return logits
        logits = self.pointwise(logits, saves_input=False)
        logits = self.pointwise(logits, saves_input=True)
        return self.pointwise(logits, saves_input=False)

    def cross_entropy(self, logits: Value) -> Value:
        """``log_softmax`` is saved; backwards ``nll_loss`` gives zeros but for targets."""
        tape, words = self.tape, logits.elements
        wide = self.to(logits, 4)
        del logits
        chances = tape.hold(words * 4, LOGITS)

        def backward(_: Storage) -> tuple[Storage]:
            picked = tape.hold(words * 4, LOGITS)
            made = tape.hold(words * 4, LOGITS)
            del picked
            return (made,)

        node = self.graph.add((wide,), (chances,), backward)
        return Value(tape.hold(4, LOGITS), 1, 4, node)

    def _adapter_weight(self, elements: int) -> Value:
        """All chunks share one weight, and going forward its 16-bit copy."""
        made = self._casts.get(elements)
        if made is None or self.graph.recomputes:
            leaf = self._leaves.setdefault(elements, self.graph.leaf())
            made = self._narrowed_weight(elements, leaf)
        if not self.graph.recomputes:
            self._casts[elements] = made
        return made
