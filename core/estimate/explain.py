"""Where each component of a training estimate comes from, in words and in numbers.

Short enough for a tooltip. The numbers add up to the component; whatever the terms
leave open is named, never hidden.
"""

from dataclasses import dataclass
from typing import Final

from core.estimate.acting.step import step_peak
from core.estimate.acting.tape import ACTIVATION, WORKSPACE, Kind, Tape
from core.estimate.answer import Loop, MemoryEstimate
from core.estimate.loop import Habits, chunk_tokens, habits
from core.estimate.outside import workspace_bytes
from core.estimate.static import Static, adapter_tensors, is_target, static
from core.estimate.wording import Term, summed
from core.hardware.budget import DeviceBudget
from core.models.shape import ModelShape
from core.plan.plan import Optimizer, Plan
from core.units import bytes_text

_ROUNDING: Final = "rounded up to 512 B a tensor"
_SMALL: Final = "of tensors too small to page"
_OTHERWISE: Final = "as a dry run or earlier runs say otherwise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """How one figure comes about."""

    words: str
    """``2 bytes × parameters``."""
    numbers: str
    """``2 B × 1,235,814,400 = 2.30 GiB``."""


class _NotedTape(Tape):
    """A tape that remembers what the layers not acted out held at the peak."""

    __slots__ = ("laid", "laid_at_peak")

    def __init__(self) -> None:
        super().__init__()
        self.laid = 0
        self.laid_at_peak = 0

    def ballast(self, n_bytes: int, kind: Kind, *, small: int = 0) -> None:
        """Note activations apart."""
        if kind == ACTIVATION:
            self.laid += n_bytes
        super().ballast(n_bytes, kind, small=small)

    def _add(self, size: int, kind: Kind) -> None:
        before = self.peak
        super()._add(size, kind)
        if self.peak > before:
            self.laid_at_peak = self.laid


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The question, its answer, and the step acted out once more."""

    plan: Plan
    shape: ModelShape
    budget: DeviceBudget
    found: MemoryEstimate
    how: Habits
    stays: Static
    tape: _NotedTape
    stepping: bool
    """The peak is the optimiser's own step, not a forward or backward pass."""

    @property
    def tokens(self) -> int:
        return self.plan.train.batch_size * self.plan.train.seq_len

    @property
    def linear_elements(self) -> int:
        """Elements of the linear layers that quantisation reaches: none of Falcon's."""
        return sum(
            count * one.elements
            for one, count in self.shape.linears()
            if not one.never_quantised
        )


def explain(
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    found: MemoryEstimate,
    *,
    loop: Loop = "tunesmith",
) -> dict[str, Formula]:
    """Return the formula of every field of `Components`, by its name.

    A few milliseconds: the step is acted out once more.

    Args:
        plan: What was priced.
        shape: The base model.
        budget: The device.
        found: What `core.estimate.memory.estimate` answered to these.
        loop: The loop that was priced.
    """
    if shape.task != "causal":
        loop = "plain"  # as core.estimate.memory prices what our engine does not train
    how = habits(plan, budget, loop)
    stays = static(shape, plan.method, plan.train.optimizer, how)
    accumulates = plan.train.gradient_accumulation > 1 and loop == "tunesmith"
    tape = _NotedTape()
    peak = step_peak(
        shape,
        plan,
        how,
        gradients=stays.gradients if accumulates else 0,
        tape=tape,
    )
    asked = _Asked(
        plan=plan,
        shape=shape,
        budget=budget,
        found=found,
        how=how,
        stays=stays,
        tape=tape,
        stepping=stays.gradients + stays.foreach + peak.kept_logits > peak.total,
    )
    return {
        "weights": _weights(asked),
        "quantization": _quantization(asked),
        "adapter": _adapter(asked),
        "gradients": _gradients(asked),
        "optimizer": _optimizer(asked),
        "activations": _activations(asked),
        "logits": _logits(asked),
        "workspace": _workspace(asked),
        "context": _context(asked),
    }


def _weights(asked: _Asked) -> Formula:
    how, shape = asked.how, asked.shape
    total = asked.found.components.weights
    if not (how.quantised and asked.linear_elements):
        item = how.rest_bytes
        term = Term(
            text=f"{item} B × {shape.parameters:,}", size=item * shape.parameters
        )
        words = f"{item} bytes × parameters; a shared embedding counts once"
        return Formula(words=words, numbers=summed([term], total, rest=_ROUNDING))
    linear = asked.linear_elements
    rest = shape.parameters - linear
    bits = 4 if how.method == "qlora" else 8
    terms = [
        Term(text=f"{bits / 8:g} B × {linear:,}", size=linear * bits // 8),
        Term(text=f"{how.rest_bytes} B × {rest:,}", size=how.rest_bytes * rest),
    ]
    words = (
        f"{bits / 8:g} byte × weights of linear layers + {how.rest_bytes} bytes ×"
        " everything else: embeddings, head, norms, biases"
    )
    return Formula(words=words, numbers=summed(terms, total, rest=_ROUNDING))


def _quantization(asked: _Asked) -> Formula:
    total, linear = asked.found.components.quantization, asked.linear_elements
    if asked.how.method == "qlora":
        blocks = linear // 64
        if asked.plan.method.double_quant:
            terms = [
                Term(text=f"1 B × {linear:,} / 64", size=blocks),
                Term(text=f"4 B × {linear:,} / 16,384", size=4 * blocks // 256),
            ]
            words = (
                "One 1-byte scale for 64 weights, one 4-byte scale for 256 of those"
                " (double quantisation), and small tables"
            )
        else:
            terms = [Term(text=f"4 B × {linear:,} / 64", size=4 * blocks)]
            words = "One 4-byte scale for 64 weights, and small tables"
        return Formula(words=words, numbers=summed(terms, total, rest="of tables"))
    if asked.how.method == "lora8":
        rows = sum(count * one.outputs for one, count in asked.shape.linears())
        terms = [Term(text=f"4 B × {rows:,} rows", size=4 * rows)]
        return Formula(
            words="One 4-byte scale a row of each linear layer",
            numbers=summed(terms, total, rest=_ROUNDING),
        )
    return Formula(words="Nothing: the base is not quantised", numbers="0 B")


def _adapter(asked: _Asked) -> Formula:
    total, method = asked.found.components.adapter, asked.plan.method
    if not method.has_adapter:
        return Formula(words="Nothing: the weights themselves learn", numbers="0 B")
    layers = sum(n for one, n in asked.shape.linears() if is_target(one, method))
    trained = _trained(asked)
    term = Term(text=f"4 B × {trained:,}", size=4 * trained)
    words = (
        f"4 bytes × rank {method.rank} × (inputs + outputs) of {layers:,} layers"
        f"{', and DoRA magnitudes' if method.use_dora else ''}"
    )
    return Formula(words=words, numbers=summed([term], total, rest=_ROUNDING))


def _gradients(asked: _Asked) -> Formula:
    total, whole = asked.found.components.gradients, asked.stays.gradients
    item = 4 if asked.plan.method.has_adapter else asked.how.item_bytes
    all_of_them = f"{item} B × {_trained(asked):,}"
    if total == whole:
        term = Term(text=all_of_them, size=item * _trained(asked))
        return Formula(
            words=f"{item} bytes × trained parameters, all there at the peak",
            numbers=summed([term], total, rest=_ROUNDING),
        )
    if not total:
        return Formula(words="At the peak no gradient is there yet", numbers="0 B")
    share = total / whole if whole else 0.0
    return Formula(
        words=f"{item} bytes × trained parameters, as far as they exist at the peak",
        numbers=f"{100 * share:.1f} % of {all_of_them} = {bytes_text(total)}",
    )


def _optimizer(asked: _Asked) -> Formula:
    total, trained = asked.found.components.optimizer, _trained(asked)
    chosen = asked.plan.train.optimizer
    kind: Optimizer = chosen if asked.how.on_gpu else "adamw_torch"
    item = 4 if asked.plan.method.has_adapter else asked.how.item_bytes
    paged = asked.stays.paged
    aside = ""
    if kind.startswith("paged"):
        aside = (
            f"; {bytes_text(paged)} more in paged memory, on the card if it has room"
        )
    if kind == "adamw_torch":
        terms = [Term(text=f"2 × {item} B × {trained:,}", size=2 * item * trained)]
        words = f"AdamW's two moments: 2 × {item} bytes × trained parameters"
        return Formula(words=words, numbers=summed(terms, total, rest=_ROUNDING))
    if kind == "paged_adamw_32bit":
        words = "AdamW's two moments in 4 bytes each, paged but for small tensors"
        return Formula(words=words, numbers=summed([], total, rest=_SMALL) + aside)
    scales = 2 * 4 * trained // 256
    terms = [Term(text=f"2 × 4 B × {trained:,} / 256", size=scales)]
    rest = _SMALL
    if kind == "adamw_8bit":
        terms = [Term(text=f"2 × 1 B × {trained:,}", size=2 * trained), *terms]
        rest = _ROUNDING
    words = "AdamW's two moments in 1 byte each, and a 4-byte scale for 256 of them"
    return Formula(words=words, numbers=summed(terms, total, rest=rest) + aside)


def _activations(asked: _Asked) -> Formula:
    total, tape = asked.found.components.activations, asked.tape
    if asked.stepping:
        return Formula(
            words="The peak is the optimiser's step, when no activations are left",
            numbers=bytes_text(total),
        )
    laid, alive = tape.laid_at_peak, tape.peak_by_kind[ACTIVATION]
    layers = asked.shape.layers - len(asked.shape.blocks)
    if len(asked.shape.blocks) == 1:
        layers = max(0, asked.shape.layers - 2)
    whole = max(1, layers * asked.tokens)
    terms = [
        Term(
            text=f"{layers} layers × {asked.tokens:,} tokens × {laid / whole:,.0f} B",
            size=laid,
        ),
        Term(text=f"{bytes_text(alive - laid)} at work", size=alive - laid),
    ]
    if asked.plan.train.gradient_checkpointing:
        words = (
            "Checkpointing keeps each layer's input; one layer is computed anew and"
            " held whole"
        )
    else:
        words = "Each layer keeps what its backward pass needs, until that is over"
    return Formula(words=words, numbers=summed(terms, total, rest=_OTHERWISE))


def _logits(asked: _Asked) -> Formula:
    total, words_of = asked.found.components.logits, asked.shape.vocabulary
    ours = asked.how.fused_loss
    tokens = min(asked.tokens, chunk_tokens(words_of)) if ours else asked.tokens
    copies = total // max(1, tokens * words_of)
    if not copies:
        return Formula(
            words="At the peak the logits are gone; their gradient is left",
            numbers=bytes_text(total),
        )
    term = Term(
        text=f"{copies} B × {tokens:,} tokens × {words_of:,} words",
        size=copies * tokens * words_of,
    )
    if ours:
        words = f"Logits exist for {tokens:,} tokens at a time, in 32 bits and once narrowed"
    elif asked.stepping:
        words = "Logits of all tokens, which a plain loop holds until its step is over"
    else:
        words = "Logits of all tokens: as they come, in 32 bits, and their gradients"
    rest = "of the hidden states' gradient"
    return Formula(words=words, numbers=summed([term], total, rest=rest))


def _workspace(asked: _Asked) -> Formula:
    found = asked.found
    held = asked.stays.foreach if asked.stepping else asked.tape.peak_by_kind[WORKSPACE]
    lost = found.reserved - found.allocated
    doing = (
        "The optimiser's copies of all gradients"
        if asked.stepping
        else "Weights unpacked or narrowed for a product"
    )
    terms = [Term(text=f"{bytes_text(held)} in the step", size=held)]
    rest = _OTHERWISE
    if asked.how.on_gpu:
        words = f"{doing}, room lost between blocks, and cuBLAS workspaces"
        terms += [Term(text=f"{bytes_text(lost)} between blocks", size=lost)]
        if found.learned is None:
            rest = "of cuBLAS"
        else:
            libraries = 2 * workspace_bytes(asked.budget)
            terms += [Term(text=f"{bytes_text(libraries)} of cuBLAS", size=libraries)]
    else:
        words = f"{doing}, the mapped model file, threads, and what the C library keeps"
        terms += [Term(text=f"{bytes_text(lost)} around the tensors", size=lost)]
    return Formula(
        words=words, numbers=summed(terms, found.components.workspace, rest=rest)
    )


def _context(asked: _Asked) -> Formula:
    size = asked.found.components.context
    if asked.budget.kind == "cpu":
        return Formula(words="Nothing: a processor needs no context", numbers="0 B")
    capability = asked.budget.compute_capability
    card = (
        f"compute capability {capability[0]}.{capability[1]}"
        if capability
        else "a card of unknown kind"
    )
    return Formula(
        words="What the driver takes for any program that computes on the card",
        numbers=f"{bytes_text(size)} for {card}",
    )


def _trained(asked: _Asked) -> int:
    if not asked.plan.method.has_adapter:
        return asked.stays.trainable
    return sum(n * many for n, many in adapter_tensors(asked.shape, asked.plan.method))
