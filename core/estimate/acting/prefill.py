"""Forward passes without gradients, acted out: reading a prompt, measuring a loss.

Nothing is saved for a backward pass, so what one layer makes is gone with it; only the
cache of keys and values grows. All layers of a kind need the same, so two of each
kind are acted out on top of the whole cache.
"""

from dataclasses import dataclass, replace

from core.estimate.acting.decoder import Decoder
from core.estimate.acting.falcon import FalconDecoder
from core.estimate.acting.graph import Backward, Graph, Node, Value
from core.estimate.acting.tape import (
    ACTIVATION,
    LOGITS,
    WORKSPACE,
    Storage,
    Tape,
    rounded,
)
from core.estimate.loop import Habits, chunk_tokens
from core.estimate.static import is_target
from core.models.shape import Attention, Block, ModelShape
from core.plan.plan import Method


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardPeak:
    """Bytes at the peak of a forward pass, besides weights."""

    cache: int
    """Keys and values of all tokens, as they stand when the pass is over."""
    scratch: int
    """Everything else alive at once."""
    in_layers: int
    """The most alive at once before there were logits."""

    @property
    def total(self) -> int:
        return self.cache + self.scratch


class _NoGraph(Graph):
    """``torch.inference_mode``: no operation is remembered."""

    def add(
        self,
        inputs: object,  # noqa: ARG002 - nothing depends on them
        saved: tuple[Storage, ...],  # noqa: ARG002
        backward: Backward,  # noqa: ARG002
        narrow: tuple[int, ...] = (),  # noqa: ARG002
    ) -> Node | None:
        return None


class _Reader(Decoder):
    """A decoder of prompts longer than a window, too."""

    def _attended(
        self, attention: Attention, query: Value, key: Value, value: Value
    ) -> Value:
        if attention.window is None or self.length <= attention.window:
            return super()._attended(attention, query, key, value)
        # A window shorter than the prompt needs a mask, which flash kernels do not take:
        # heads are copied (transformers' use_gqa_in_sdpa) and the mask becomes a bias.
        how, self.habits = self.habits, self._without_flash()
        bias = self.new(self.length * self.length, how.item_bytes, WORKSPACE)
        try:
            return super()._attended(attention, query, key, value)
        finally:
            self.habits = how
            del bias

    def _without_flash(self) -> Habits:
        if self.habits.kernel == "eager":
            return self.habits
        return replace(self.habits, kernel="efficient")


def read_prompt(
    shape: ModelShape, method: Method, habits: Habits, *, tokens: int, batch: int = 1
) -> ForwardPeak:
    """Return the peak of reading `tokens` tokens and drawing the next one.

    The engine reads a conversation anew for every answer, whole, and asks for the last
    token's logits only.
    """
    habits = replace(habits, keeps_cache=True)
    cache = cache_bytes(shape, habits, tokens=tokens, batch=batch)
    peak = in_layers = 0
    for block in shape.blocks:
        tape = Tape()
        reader = _reader(tape, shape, method, habits, batch=batch, length=tokens)
        own = _cache_of(block, habits, tokens=tokens, batch=batch)
        tape.ballast(cache - _acted(block) * own, ACTIVATION)
        _act(reader, shape, block, habits)
        in_layers = max(in_layers, tape.peak)
        _sample(tape, shape, habits, batch)
        peak = max(peak, tape.peak)
    scratch = max(0, peak - cache)
    return ForwardPeak(cache=cache, scratch=scratch, in_layers=in_layers)


def measure_loss(
    shape: ModelShape, method: Method, habits: Habits, *, length: int, batch: int
) -> ForwardPeak:
    """Return the peak of the loss of one batch, logits chunk by chunk.

    As `core.engine.learner.Learner.losses`: no cache, and 16-bit copies of the adapter
    stay until the pass is over.
    """
    peak = in_layers = 0
    narrowed = [_narrowed(block, method, habits) for block in shape.blocks]
    copies = sum(
        block.count * size for block, size in zip(shape.blocks, narrowed, strict=True)
    )
    for block, own in zip(shape.blocks, narrowed, strict=True):
        tape = Tape()
        reader = _reader(tape, shape, method, habits, batch=batch, length=length)
        tape.ballast(copies - _acted(block) * own, WORKSPACE)
        last = _act(reader, shape, block, habits)
        in_layers = max(in_layers, tape.peak)
        _chunk(tape, shape, habits, last)
        del last
        peak = max(peak, tape.peak)
    return ForwardPeak(cache=0, scratch=peak, in_layers=in_layers)


def _narrowed(block: Block, method: Method, habits: Habits) -> int:
    """Return the bytes of autocast's 16-bit copies of one layer's adapter."""
    if not (habits.autocast and method.has_adapter):
        return 0
    return sum(
        rounded(habits.item_bytes * method.rank * one.inputs)
        + rounded(habits.item_bytes * method.rank * one.outputs)
        for one in block.linears
        if is_target(one, method)
    )


def cache_bytes(
    shape: ModelShape, habits: Habits, *, tokens: int, batch: int = 1
) -> int:
    """Return the bytes of keys and values right after a prompt was read.

    A sliding window does not help at that peak: the cache keeps a view of all the
    prompt's tokens until the next one comes (transformers' DynamicSlidingWindowLayer).
    """
    return sum(
        block.count * _cache_of(block, habits, tokens=tokens, batch=batch)
        for block in shape.blocks
    )


def _cache_of(block: Block, habits: Habits, *, tokens: int, batch: int) -> int:
    attention = block.attention
    width = attention.query if attention.spread else attention.key
    one = rounded(batch * tokens * width * habits.item_bytes)
    return 2 * one


def _reader(
    tape: Tape,
    shape: ModelShape,
    method: Method,
    habits: Habits,
    *,
    batch: int,
    length: int,
) -> Decoder:
    kind = FalconDecoder if shape.architecture == "falcon" else _Reader
    return kind(
        _NoGraph(tape), habits=habits, method=method, batch=batch, length=length
    )


def _act(reader: Decoder, shape: ModelShape, block: Block, habits: Habits) -> Value:
    """Run a layer of one kind and the norm behind the last; return the hidden states.

    Twice, as under autocast the first may hand wider numbers on than it was given.
    """
    item, rows = habits.rest_bytes, reader.rows
    ids = reader.new(2 * rows, 8)
    # transformers' forward keeps the embeddings beside what goes through the layers
    embedded = reader.new(rows * shape.hidden, item)
    x = reader.new(rows * shape.hidden, item)
    # cosines and sines; Gemma 3 turns windowed and whole attention differently
    pairs = 2 if shape.architecture.startswith("gemma3") else 1
    places = pairs * 2 * reader.length * block.attention.head_dim
    if not (block.attention.rotary or block.attention.alibi):
        places = rows * shape.hidden
    positions = reader.new(places, item)
    masks = _masks(reader, shape)
    for _ in range(_acted(block)):
        x = reader.block(block, x)
    x = reader.norm(x, shape.norm)
    del ids, embedded, positions, masks
    return x


def _acted(block: Block) -> int:
    return min(2, block.count)


def _masks(reader: Decoder, shape: ModelShape) -> list[Value]:
    """Masks shared by the layers: additive where scores exist, else truth values."""
    attentions = [block.attention for block in shape.blocks]
    cells = reader.batch * reader.length * reader.length
    if attentions[0].alibi:
        mask = reader.new(cells * attentions[0].heads, reader.habits.rest_bytes)
        reader.mask = mask.storage
        return [mask]
    windows = {attention.window for attention in attentions}
    capped = any(attention.softcap for attention in attentions)
    if reader.habits.kernel == "eager" or capped:
        kinds = 2 if windows - {None} else 1
        return [reader.new(cells, reader.habits.rest_bytes) for _ in range(kinds)]
    short = [w for w in windows if w is not None and w < reader.length]
    always = [attention for attention in attentions if attention.always_masked]
    return [reader.new(cells, 1) for _ in (*short, *always)]


def _sample(tape: Tape, shape: ModelShape, habits: Habits, batch: int) -> None:
    """The last token's logits: as they come, in 32 bits, and their shares in order.

    Nucleus sampling sorts: values and places, their running sums, and a copy.
    """
    words = batch * shape.vocabulary
    raw = tape.hold(words * habits.item_bytes, LOGITS)
    wide = tape.hold(words * 4, LOGITS)
    tape.brush(words * (4 + 8 + 4 + 4), LOGITS)
    del raw, wide


def _chunk(tape: Tape, shape: ModelShape, habits: Habits, hidden: Value) -> None:
    """One chunk's logits, widened to 32 bits and turned into a loss in place."""
    item = habits.item_bytes
    tokens = hidden.elements // shape.hidden
    picked = tape.hold(hidden.elements * hidden.item_bytes)
    words = min(tokens, chunk_tokens(shape.vocabulary)) * shape.vocabulary
    raw = tape.hold(words * item, LOGITS) if item != 4 else None
    wide = tape.hold(words * 4, LOGITS)
    del raw
    if shape.softcap:
        tape.brush(words * 4, LOGITS)
    del picked, wide
