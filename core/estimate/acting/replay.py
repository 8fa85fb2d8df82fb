"""A plain loop's memory as torch's allocator hands it out: loading, then two steps.

What lies between blocks depends on the order in which they come and go, from the first
weight on. So loading is acted out as transformers and peft do it, then two whole steps,
layer by layer: ``allocated`` and ``reserved`` come out as torch counts them.

Loading follows transformers' modeling_utils.py (``caching_allocator_warmup``) and
core_model_loading.py (tensors in the order of their names, quantised one by one where
they are quantised), bitsandbytes' functional.py (``quantize_4bit``) and peft's
``prepare_model_for_kbit_training``, which widens what is left and empties the cache.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from core.estimate.acting.allocator import AllocatorTape
from core.estimate.acting.step import act_out
from core.estimate.acting.tape import Storage
from core.estimate.loop import Habits
from core.estimate.static import (
    BLOCK,
    BLOCK_OF_SCALES,
    CODE_BYTES,
    CODE_OF_SCALES_BYTES,
    SMALLEST_8BIT,
    adapter_tensors,
)
from core.models.shape import Block, Linear, ModelShape
from core.plan.plan import Method, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """Peaks of a whole run, in bytes, as torch counts them."""

    allocated: int
    reserved: int

    def plus(self, n_bytes: int) -> "Replayed":
        """Return the peaks of a run whose tensors come to so many bytes more."""
        return Replayed(
            allocated=self.allocated + n_bytes, reserved=self.reserved + n_bytes
        )


def replay(
    shape: ModelShape, plan: Plan, habits: Habits, *, workspace_bytes: int
) -> Replayed:
    """Return what torch's allocator hands out and reserves for a plain loop on a card.

    Acts out every layer: some 30 to 120 milliseconds.

    Args:
        shape: The base model.
        plan: Method and training settings.
        habits: How the loop holds tensors.
        workspace_bytes: Bytes of one of cuBLAS's workspaces; the forward and the
            backward pass run in threads of their own and take one each.
    """
    tape = AllocatorTape(workspace_bytes)
    stays = _Loading(tape, shape, plan.method, habits).run()
    trained = [
        n for n, count in adapter_tensors(shape, plan.method) for _ in range(count)
    ]
    stays += _adapter(tape, trained, as_base=not habits.quantised, habits=habits)
    allocator = tape.allocator
    tape.enter_forward()
    for number in (1, 2):
        left = act_out(shape, plan, habits, tape)
        if number == 1:
            stays += _moments(tape, trained, eight_bit="8bit" in plan.train.optimizer)
        if plan.train.optimizer == "adamw_torch":
            # the square roots of all second moments at once (torch's foreach AdamW)
            roots = [tape.hold(4 * n) for n in trained]
            del roots
        del left
    return Replayed(allocated=allocator.peak_allocated, reserved=allocator.peak)


def _adapter(
    tape: AllocatorTape, trained: list[int], *, as_base: bool, habits: Habits
) -> list[Storage]:
    """Take it in the base's type, as peft makes it, then widen tensor by tensor."""
    if not as_base or habits.item_bytes == 4:
        return [tape.hold(4 * n) for n in trained]
    made = [tape.hold(habits.item_bytes * n) for n in trained]
    for number, elements in enumerate(trained):
        made[number] = tape.hold(4 * elements)
    return made


def _moments(
    tape: AllocatorTape, trained: list[int], *, eight_bit: bool
) -> list[Storage]:
    made: list[Storage] = []
    for elements in trained:
        if eight_bit and elements >= SMALLEST_8BIT:
            made += [tape.hold(elements) for _ in range(2)]
            made += [tape.hold(4 * -(-elements // BLOCK_OF_SCALES)) for _ in range(2)]
        else:
            made += [tape.hold(4 * elements) for _ in range(2)]
    return made


@dataclass(slots=True)
class _Read:
    """A tensor that quantisation leaves alone, as it was read."""

    elements: int
    storage: Storage


@dataclass(slots=True)
class _Loading:
    """The base model's way onto the card."""

    tape: AllocatorTape
    shape: ModelShape
    method: Method
    habits: Habits
    stays: list[Storage] = field(default_factory=list[Storage])
    rest: list[_Read] = field(default_factory=list[_Read])

    def run(self) -> list[Storage]:
        """Return the base model's tensors."""
        if self.habits.quantised:
            self._warm_up()
            self._by_name()
            self._widen()
        else:
            self._by_module()
        return self.stays

    # -- 16 or 32 bits: read on the CPU, then moved as model.cuda() walks ------------

    def _by_module(self) -> None:
        shape, hold = self.shape, self._hold
        for elements in shape.embeddings:
            hold(elements)
        for block in shape.blocks:
            for _ in range(block.count):
                for linear in block.linears:
                    hold(linear.elements)
                    if linear.bias:
                        hold(linear.outputs)
                for elements in block.other_tensors:
                    hold(elements)
        for elements in shape.final_norm:
            hold(elements)
        self._angles()
        for linear in (*shape.outer, *shape.whole):
            hold(linear.elements)
        if not shape.tied:
            hold(shape.head.elements)

    def _hold(self, elements: int) -> None:
        self.stays.append(self.tape.hold(elements * self.habits.rest_bytes))

    def _angles(self) -> None:
        """Inverse frequencies, kept twice."""
        attention = self.shape.blocks[0].attention
        if attention.rotary:
            half = int(attention.head_dim * attention.rotary) // 2
            self.stays += [self.tape.hold(4 * half) for _ in range(2)]

    # -- quantised: one by one on the card ------------------------------------------

    def _warm_up(self) -> None:
        """One block for all that is to come, given back at once."""
        linears = sum(linear.elements * n for linear, n in self.shape.linears())
        others = self.shape.parameters - linears
        share = 2 if self.method.kind == "qlora" else 1
        self.tape.brush(linears // share + 2 * others)

    def _by_name(self) -> None:
        shape = self.shape
        if not shape.tied:
            self._read(shape.head.elements)
        for elements in shape.embeddings:
            self._read(elements)
        for block in shape.blocks:
            for _ in range(block.count):
                self._layer(block)
        for linear in shape.outer:
            self._quantise(linear)
        for elements in shape.final_norm:
            self._read(elements)
        self._angles()

    def _layer(self, block: Block) -> None:
        """input_layernorm, mlp, post_attention_layernorm, self_attn: as they sort."""
        norms = list(block.other_tensors)
        attention = len(block.attention.linears)
        for elements in norms[:1]:
            self._read(elements)
        for linear in _sorted(block.linears[attention:]):
            self._quantise(linear)
        for elements in norms[1:]:
            self._read(elements)
        for linear in _sorted(block.linears[:attention]):
            self._quantise(linear)

    def _read(self, elements: int) -> None:
        self.rest.append(_Read(elements, self.tape.hold(2 * elements)))

    def _quantise(self, linear: Linear) -> None:
        if linear.bias:
            self._read(linear.outputs)
        tape, elements = self.tape, linear.elements
        whole = tape.hold(2 * elements)
        if self.method.kind == "lora8":
            self.stays += [tape.hold(elements), tape.hold(4 * linear.outputs)]
        else:
            self.stays += self._four_bit(elements)
        del whole

    def _four_bit(self, elements: int) -> Iterator[Storage]:
        tape, scales = self.tape, -(-elements // BLOCK)
        absmax = tape.hold(4 * scales)
        yield tape.hold(-(-elements // 2))
        yield tape.hold(CODE_BYTES)
        if not self.method.double_quant:
            yield absmax
            return
        yield tape.hold(4)  # their mean
        centred = tape.hold(4 * scales)
        yield tape.hold(CODE_OF_SCALES_BYTES)
        yield tape.hold(4 * -(-scales // BLOCK_OF_SCALES))
        yield tape.hold(scales)
        del absmax, centred

    def _widen(self) -> None:
        """prepare_model_for_kbit_training: 32 bits for the rest, in module order."""
        item = self.habits.rest_bytes
        if item != 2:
            head = 0 if self.shape.tied else 1
            for read in (*self.rest[head:], *self.rest[:head]):
                read.storage = self.tape.hold(item * read.elements)
        self.stays += [read.storage for read in self.rest]
        self.tape.allocator.empty_cache()


def _sorted(linears: tuple[Linear, ...]) -> list[Linear]:
    return sorted(linears, key=lambda linear: linear.name)
