"""One training step of a sequence-to-sequence model or a classifier, acted out.

A plain loop's step: our engine trains neither yet. Source and target are both `seq_len`
tokens long. Of each stack the first two and the last two layers are acted out; the
others hold what the second does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.estimate.acting.encoder import StackLayers
from core.estimate.acting.graph import Graph, Value
from core.estimate.acting.scores import Around
from core.estimate.acting.tape import (
    ACTIVATION,
    GRADIENT,
    LOGITS,
    Storage,
    Tape,
    rounded,
)
from core.estimate.loop import Habits
from core.estimate.static import is_target
from core.models.shape import Block, Linear, ModelShape
from core.plan.plan import Plan

# The first two and the last two of a stack: the last but one meets the gradient of the
# encoder's output, which the last has only begun.
_ACTED = 4


@dataclass(slots=True)
class _Skipped:
    """Layers that are counted and not acted out."""

    count: int
    saved: int
    """Bytes each keeps until its backward pass."""
    grown: int
    """Bytes of gradients each leaves behind."""
    last_node: int


class StackStep:
    """The step of one micro-batch."""

    def __init__(
        self,
        shape: ModelShape,
        plan: Plan,
        habits: Habits,
        tape: Tape,
        *,
        every_layer: bool = False,
    ) -> None:
        train = plan.train
        self.shape = shape
        self.plan = plan
        self.habits = habits
        self.tape = tape
        self.tokens = train.batch_size * train.seq_len
        self.layers = StackLayers(
            Graph(tape),
            habits=habits,
            method=plan.method,
            batch=train.batch_size,
            length=train.seq_len,
        )
        self._every_layer = every_layer
        self._skipped: list[_Skipped] = []
        self._held: list[object] = []
        """What the loop holds until the step is over."""

    def run(self) -> Tape:
        """Act out the step."""
        layers = self.layers
        layers.new(3 * self.tokens, 8)  # ids, labels, shifted labels
        encoders = [block for block in self.shape.blocks if block.encoder]
        decoders = [block for block in self.shape.blocks if not block.encoder]
        x = self._stack(encoders, None)
        if decoders:
            self._held.append(x.storage)  # the outputs hold the encoder's last state
            x = self._stack(decoders, x)
            loss = self._word_loss(x)
        else:
            loss = self._class_loss(x)
        del x
        self._backward(loss)
        return self.tape

    # -- forward -------------------------------------------------------------

    def _stack(self, blocks: Sequence[Block], memory: Value | None) -> Value:
        shape, layers = self.shape, self.layers
        x = self._embedded()
        around = self._around(blocks, memory)
        for block in blocks:
            x = self._run_of(block, x, around)
        if shape.last_norm:
            first = blocks[0].attention.position_bias
            x = layers.short_norm(x) if first else layers.norm(x, shape.norm)
            if shape.embedding_dropout and first:
                x = layers.dropout(x)
        return x

    def _run_of(self, block: Block, x: Value, around: Around) -> Value:
        """Return what `block.count` equal layers make of `x`."""
        skips = 0 if self._every_layer else max(0, block.count - _ACTED)
        for number in range(block.count - skips):
            before, cached = self.tape.live, self.layers.cached_bytes
            x = self._layer(block, x, around)
            if number == 1 and skips:
                saved = self.tape.live - before
                cached = self.layers.cached_bytes - cached
                self._skip(block, skips, saved, cached)
        return x

    def _skip(self, block: Block, count: int, saved: int, cached: int) -> None:
        self.tape.ballast(count * saved, ACTIVATION)
        self._skipped.append(
            _Skipped(
                count=count,
                saved=saved - cached,
                grown=gradient_bytes(block, self.plan),
                last_node=self.layers.graph.made,
            )
        )

    def _layer(self, block: Block, x: Value, around: Around) -> Value:
        layers = self.layers
        if self.plan.train.gradient_checkpointing:
            graph = layers.graph
            return graph.checkpoint(lambda value: layers.layer(block, value, around), x)
        return layers.layer(block, x, around)

    def _around(self, blocks: Sequence[Block], memory: Value | None) -> Around:
        train, rest, tape = self.plan.train, self.habits.rest_bytes, self.tape
        attention = blocks[0].attention
        pairs = train.seq_len * train.seq_len
        if attention.position_bias and not blocks[0].bias_table:
            bias = self.layers.looked_up(attention)
            cross = None
            if memory is not None:
                item = self.habits.item_bytes if not self.habits.quantised else 4
                cross = tape.hold(attention.heads * pairs * item)
            return Around(
                bias=bias,
                cross_bias=cross,
                cross_gradient=[] if train.gradient_checkpointing else None,
                mask=self._causal_mask(memory),
                memory=memory,
            )
        windows = [block.attention.window for block in blocks]
        if any(n is not None and n // 2 < train.seq_len for n in windows):
            if self.habits.kernel == "eager":  # numbers to add, for each sequence
                return Around(mask=tape.hold(train.batch_size * pairs * rest))
            return Around(mask=tape.hold(pairs))  # true or false, for all
        return Around(memory=memory, mask=self._causal_mask(memory))

    def _causal_mask(self, memory: Value | None) -> Storage | None:
        """What hides the future from a decoder's scores, where these exist."""
        if memory is None or self.habits.kernel != "eager":
            return None
        train = self.plan.train
        cells = train.batch_size * train.seq_len * train.seq_len
        return self.tape.hold(cells * self.habits.rest_bytes)

    def _embedded(self) -> Value:
        """Words, positions and types summed, normed and dropped out of."""
        shape, layers, rest = self.shape, self.layers, self.habits.rest_bytes
        size = self.tokens * shape.hidden
        x = layers.new(size, rest)
        if self.plan.train.gradient_checkpointing:
            # transformers asks the words for a gradient, which keeps them (modeling_
            # utils.py, enable_input_require_grads)
            x = layers.leaf(x)
            self._held.append(x.storage)
        tables = [n for n in shape.embeddings[1:] if n % shape.hidden == 0]
        if shape.blocks[0].attention.position_bias:
            tables = []
        elif shape.task == "seq2seq":
            tables = tables[:1]
        for _ in tables:
            x = layers.add(x, layers.new(size, rest))
        if shape.embedding_norm:
            x = layers.norm(x, shape.norm)
        return layers.dropout(x) if shape.embedding_dropout else x

    # -- loss ----------------------------------------------------------------

    def _word_loss(self, hidden: Value) -> Value:
        """Cross-entropy over all words, in the head's own format."""
        tape, graph, layers = self.tape, self.layers.graph, self.layers
        item = self.habits.rest_bytes
        size = self.tokens * self.shape.vocabulary * item
        hidden = layers.to(hidden, item)
        back = hidden.elements * item
        raw = tape.hold(size, LOGITS)
        node = graph.add((hidden,), (), lambda _: (tape.hold(back),))
        logits = Value(raw, size // item, item, node)
        del raw, hidden
        if self.shape.logits_bias:
            logits = layers.pointwise(logits, saves_input=False)
        if self.habits.hold_outputs:
            self._held.append(logits.storage)
        chances = tape.hold(size, LOGITS)

        def backward(_: Storage) -> tuple[Storage]:
            picked = tape.hold(size, LOGITS)
            made = tape.hold(size, LOGITS)
            del picked
            return (made,)

        node = graph.add((logits,), (chances,), backward)
        return Value(tape.hold(4, LOGITS), 1, 4, node)

    def _class_loss(self, hidden: Value) -> Value:
        """A head on one token of each sequence."""
        tape, graph, layers = self.tape, self.layers.graph, self.layers
        size = hidden.elements * hidden.item_bytes
        batch, item = self.plan.train.batch_size, hidden.item_bytes
        node = graph.add((hidden,), (), lambda _: (tape.hold(size),))
        x = Value(hidden.storage, batch * self.shape.hidden, item, node)
        for linear in self.shape.outer:
            x = layers.pointwise(layers.one_each(x, linear), saves_input=True)
        for linear in (*self.shape.whole, self.shape.head):
            x = self._whole(x, linear)
        return x

    def _whole(self, x: Value, linear: Linear) -> Value:
        """Return the output of a layer that is trained whole."""
        tape, graph, item = self.tape, self.layers.graph, x.item_bytes
        batch, rest = self.plan.train.batch_size, self.habits.rest_bytes

        def backward(_: Storage) -> tuple[Storage, Storage]:
            to_weight = tape.hold(linear.elements * rest, GRADIENT)
            self._held.append(tape.hold(linear.outputs * rest, GRADIENT))
            return tape.hold(batch * linear.inputs * item), to_weight

        trained = Value(x.storage, 0, 0, graph.leaf())
        node = graph.add((x, trained), (x.storage,), backward)
        size = batch * linear.outputs
        return Value(tape.hold(size * item), size, item, node)

    # -- backward ------------------------------------------------------------

    def _backward(self, loss: Value) -> None:
        waiting = sorted(self._skipped, key=lambda skipped: skipped.last_node)

        def passed(number: int) -> None:
            while waiting and number <= waiting[-1].last_node:
                skipped = waiting.pop()
                self.tape.ballast(-skipped.count * skipped.saved, ACTIVATION)
                self.tape.ballast(skipped.count * skipped.grown, GRADIENT)

        node = loss.node
        if node is None:
            return
        gradient = self.tape.hold(4, LOGITS)
        del loss
        self._held += self.layers.graph.backward(node, gradient, passed)


def gradient_bytes(block: Block, plan: Plan) -> int:
    """Return the bytes of the gradients of one layer's adapters."""
    method = plan.method
    if not method.has_adapter:
        return 0
    return sum(
        rounded(4 * method.rank * linear.inputs)
        + rounded(4 * method.rank * linear.outputs)
        for linear in block.linears
        if is_target(linear, method)
    )
