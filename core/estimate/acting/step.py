"""One training step acted out: the most bytes alive at once, besides what stays.

All layers of one kind hold the same, so only the first and the last of them are acted
out; the others are ballast, laid on after the forward pass and lifted in the backward
pass. The peak is affine in their number, so its maximum lies at an end.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from core.estimate.acting.acted import Acted, Held, all_layers, to_act
from core.estimate.acting.decoder import Decoder
from core.estimate.acting.falcon import FalconDecoder
from core.estimate.acting.graph import Graph, Value
from core.estimate.acting.handed import Handed
from core.estimate.acting.loss import Loss
from core.estimate.acting.stacks import StackStep
from core.estimate.acting.tape import (
    ACTIVATION,
    GRADIENT,
    KINDS,
    LOGITS,
    WORKSPACE,
    Tape,
    rounded,
    small_of,
    uncollected,
)
from core.estimate.loop import Habits
from core.estimate.static import expert_adapter_tensors, is_target
from core.models.shape import Block, Experts, ModelShape
from core.plan.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPeak:
    """Bytes at the step's peak, by what they are for."""

    activations: int
    gradients: int
    logits: int
    workspace: int
    kept_logits: int = 0
    """Of the outputs a loop holds until its next step."""

    @property
    def total(self) -> int:
        return self.activations + self.gradients + self.logits + self.workspace


class _Step:
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
        self.shape = shape
        self.plan = plan
        self.habits = habits
        self.tape = tape
        self.graph = Graph(self.tape)
        kind = FalconDecoder if shape.architecture == "falcon" else Decoder
        self.decoder = kind(
            self.graph,
            habits=habits,
            method=plan.method,
            batch=plan.train.batch_size,
            length=habits.width(plan.train.seq_len),
        )
        self.width = habits.width(plan.train.seq_len)
        self.tokens = plan.train.batch_size * self.width
        self.acted = all_layers(shape) if every_layer else to_act(shape)
        self._held: dict[int, Held] = {}

    def run(self, gradients: int, *, small: int = 0) -> Tape:
        """Act out the step; `gradients` bytes of earlier micro-batches are there."""
        self.tape.ballast(gradients, GRADIENT, small=small)
        accumulated = gradients > 0
        x = self._forward()
        self._loss = Loss(self.shape, self.plan, self.habits, self.decoder)
        loss = self._loss.of(x)
        del x
        self._leave_autocast()
        self._backward(loss, accumulated=accumulated)
        return self.tape

    # -- forward -------------------------------------------------------------

    def _forward(self) -> Value:
        shape, decoder = self.shape, self.decoder
        # ids stay with the loop; ours also has what is to be foretold, and where
        batch = 3 if self.habits.fused_loss else 1
        self._batch = [decoder.new(self.tokens, 8) for _ in range(batch)]
        entered, x = self._entrance()
        self._handed = Handed(shape, decoder)
        for acted in self.acted:
            before, casts = self.tape.live, self._cast_bytes()
            small, small_casts = self.tape.small, self._cast_bytes(small=True)
            cached = decoder.cached_bytes
            x, acted.peak = self.tape.peak_of(partial(self._layer, acted, x))
            casts = self._cast_bytes() - casts
            small_casts = self._cast_bytes(small=True) - small_casts
            if not self.plan.train.gradient_checkpointing:
                casts = small_casts = 0  # the graph saves them
            cached = decoder.cached_bytes - cached
            # measured here, where the layer's own input is let go of; of each kind the
            # last counts, for the first layer of all saves less
            saved = self.tape.live - before - casts - cached + decoder.dropped_bytes
            self._held[acted.kind] = Held(
                saved=saved,
                casts=casts,
                cached=cached,
                small=self.tape.small - small - small_casts,
                small_casts=small_casts,
            )
        decoder.release()
        last = self.acted[-1].kind
        held = self._held[last]
        self._held[last] = replace(held, saved=held.saved - decoder.dropped_bytes)
        self._lay()
        if self.plan.train.gradient_checkpointing:
            del self._handed  # each layer has its own hand on it
        else:
            self._handed.drop_idle()
        x = decoder.norm(x, shape.norm)
        del entered
        return x

    def _entrance(self) -> tuple[list[Value], Value]:
        """Return the embeddings, which live until the last norm, and what enters.

        What needs a gradient lives as long as that is wanted.
        """
        shape, decoder = self.shape, self.decoder
        x = decoder.new(self.tokens * shape.hidden, self.habits.rest_bytes)
        if not self.plan.method.has_adapter:
            x = self._embedded(x)
        elif self.habits.input_gradient:
            x = decoder.leaf(x)
        self._entered = x if self.habits.input_gradient else None
        entered = [x]
        if len(shape.embeddings) > 1:
            places = decoder.new(self.width * shape.hidden, x.item_bytes)
            entered.append(places)
            x = decoder.add(x, places)
        if shape.scaled_embeddings:
            x = decoder.pointwise(x, saves_input=False)
        if shape.embedding_dropout:
            x = decoder.dropout(x)
        return entered, x

    def _embedded(self, x: Value) -> Value:
        """Rows of a table that is trained: its gradient is as large as the table."""
        tape, item = self.tape, self.habits.rest_bytes
        size = self.shape.embeddings[0] * item
        table = Value(x.storage, 0, 0, self.graph.leaf())
        ids = tape.hold(8 * self.tokens)
        node = self.graph.add((table,), (ids,), lambda _: (tape.hold(size, GRADIENT),))
        return Value(x.storage, x.elements, x.item_bytes, node)

    def _lay(self) -> None:
        """Count what the layers not acted out hold after the forward pass.

        Those below a layer were there already when it ran.
        """
        below = [0] * KINDS
        small = [0] * KINDS
        for acted in self.acted:
            if any(below):
                self.tape.claim([a + b for a, b in zip(acted.peak, below, strict=True)])
            for kind, count in acted.above.items():
                held = self._held[kind]
                below[ACTIVATION] += count * (held.saved + held.cached)
                below[WORKSPACE] += count * held.casts
                small[ACTIVATION] += count * held.small
                small[WORKSPACE] += count * held.small_casts
        for kind, n_bytes in enumerate(below):
            self.tape.ballast(n_bytes, kind, small=small[kind])

    def _layer(self, acted: Acted, x: Value) -> Value:
        if self.plan.train.gradient_checkpointing:
            x = self.graph.checkpoint(self._stretch(acted), x)
        else:
            x = self.decoder.block(acted.block, x)
        acted.last_node = self.graph.made
        return x

    def _stretch(self, acted: Acted) -> Callable[[Value], Value]:
        """Return how a layer is run again; what it is handed lives as long as it may be."""
        decoder, block = self.decoder, acted.block
        handed = self._handed.of(block, first=acted is self.acted[0])

        def stretch(x: Value) -> Value:
            assert handed is not None
            return decoder.block(block, x)

        return stretch

    def _cast_bytes(self, *, small: bool = False) -> int:
        sizes = [storage.n_bytes for storage in self.graph.casts.values()]
        return small_of(sizes) if small else sum(sizes)

    def _leave_autocast(self) -> None:
        """Drop the cache of narrowed weights; what the graph saved of it stays."""
        self.graph.casts.clear()
        for acted in self.acted:
            for kind, count in acted.above.items():
                held = self._held[kind]
                self.tape.ballast(
                    -count * held.casts, WORKSPACE, small=-count * held.small_casts
                )

    # -- backward ------------------------------------------------------------

    def _backward(self, loss: Value, *, accumulated: bool) -> None:
        turns = sorted(self.acted, key=lambda acted: -acted.last_node)
        state = {"next": 0}

        def passed(number: int) -> None:
            while state["next"] < len(turns) and (
                number <= turns[state["next"]].last_node
            ):
                self._lift(turns[state["next"]], accumulated=accumulated)
                state["next"] += 1

        node = loss.node
        if node is None:
            return
        self.tape.enter_backward()
        gradient = self.tape.hold(4, LOGITS)
        del loss
        # the weights' gradients stay until the next step begins
        self._kept = self.graph.backward(
            node, gradient, passed, accumulated=accumulated
        )

    def _lift(self, acted: Acted, *, accumulated: bool) -> None:
        """Enter the backward pass of `acted`: the layers above it are done."""
        for kind, count in acted.above.items():
            held = self._held[kind]
            self.tape.ballast(
                -count * held.saved, ACTIVATION, small=-count * held.small
            )
            if not accumulated:  # they have left their gradients behind
                grown = _gradient_sizes(
                    self.shape.blocks[kind], self.plan, self.habits.item_bytes
                )
                self.tape.ballast(
                    count * sum(grown), GRADIENT, small=count * small_of(grown)
                )


def _gradient_sizes(block: Block, plan: Plan, item: int) -> list[int]:
    method = plan.method
    if not method.has_adapter:
        linears = [
            n
            for one in block.linears
            for n in (one.elements, one.outputs)[: 1 + one.bias]
        ]
        return [rounded(item * n) for n in (*linears, *block.other_tensors)]
    experts = (
        expert_adapter_tensors(block.mlp, method)
        if isinstance(block.mlp, Experts)
        else ()
    )
    targets = [linear for linear in block.linears if is_target(linear, method)]
    return [
        *(rounded(4 * elements) for elements in experts),
        *(rounded(4 * method.rank * linear.inputs) for linear in targets),
        *(rounded(4 * method.rank * linear.outputs) for linear in targets),
    ]


def act_out(shape: ModelShape, plan: Plan, habits: Habits, tape: Tape) -> object:
    """Act out one step layer by layer; return what keeps its leftovers alive.

    The weights' gradients, the outputs a loop holds and what all layers shared live as
    long as the object returned.
    """
    if shape.task != "causal":
        stacks = StackStep(shape, plan, habits, tape, every_layer=True)
        stacks.run()
        return stacks
    step = _Step(shape, plan, habits, tape, every_layer=True)
    step.run(0)
    return step


def step_peak(
    shape: ModelShape,
    plan: Plan,
    habits: Habits,
    *,
    gradients: int,
    small_gradients: int = 0,
    tape: Tape | None = None,
) -> StepPeak:
    """Return the peak of one micro-batch's forward and backward pass.

    Args:
        shape: The base model.
        plan: Method and training settings.
        habits: How the loop holds tensors.
        gradients: Bytes of gradients left by earlier micro-batches; 0 without
            accumulation.
        small_gradients: Of these, bytes in blocks of the allocator's small pool.
        tape: What to act on, for those who note more than the peak.
    """
    with uncollected():
        if shape.task == "causal":
            step = _Step(shape, plan, habits, tape or Tape())
            tape = step.run(gradients, small=small_gradients)
        else:
            step = StackStep(shape, plan, habits, tape or Tape())
            tape = step.run()
    held = tape.peak_by_kind
    return StepPeak(
        activations=held[0],
        gradients=held[1],
        logits=held[2],
        workspace=held[3],
        kept_logits=tape.by_kind[LOGITS],  # while `step` is there, so are its outputs
    )
