"""The real training step on fake tensors: exact memory without weights or a GPU.

`Learner`, `LossHead`, peft and transformers run as they do in a training; only the
tensors hold no numbers (torch's FakeTensorMode), so an 8-billion model takes seconds.
A change of the engine changes the dry run with it.

Layers of one kind cost the same, so two shallow models tell of the deep one: the peak of
each phase is affine in the number of layers, or of turns where kinds of layers take
turns.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode

from core.data.rows import EncodedRow
from core.engine import plain_step
from core.engine.cuda_manners import cuda_manners
from core.engine.depths import shallow_depths
from core.engine.device import Compute, DTypeName
from core.engine.fake_optimizer import BitsandbytesStates
from core.engine.learner import Learner
from core.engine.ledger import Ledger
from core.engine.load import kernel_for
from core.engine.tasks import task
from core.engine.weightless import dequantises, make_fake, on_meta
from core.errors import ModelError
from core.models.reading import is_known, text_config
from core.plan.plan import Plan

Loop = Literal["tunesmith", "plain"]
Tell = Callable[[float], None]
"""Hears how much of the work is done, 0 to 1."""
# What foreign modelling code raises on tensors without numbers.
_MISHAPS = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError,
    RuntimeError, TypeError, ValueError,
)  # fmt: skip
_STEPS = 2


def _nobody(_: float) -> None:
    """Hear how far it is, and tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What a dry run found, in bytes of tensors."""

    peak: int
    static: int
    """Base model and adapter before the first step."""
    phases: Mapping[str, int]


def dry_run(
    config: Mapping[str, Any],
    plan: Plan,
    *,
    dtype: DTypeName,
    has_flash: bool = True,
    whole: bool = False,
    loop: Loop = "tunesmith",
    tell: Tell = _nobody,
) -> DryRun:
    """Return the peak bytes of training `plan` on a CUDA card.

    Args:
        config: The content of the model's config.json.
        plan: What would be trained.
        dtype: The number format of the card's products.
        has_flash: Whether the card runs flash attention (Ampere and later).
        whole: Act out every layer instead of extrapolating from shallow models.
        loop: Our engine's step, or that of a plain peft + transformers loop.
        tell: Hears how far it is, at every layer.

    Raises:
        ModelError: transformers cannot build this model, or cannot run it without
            numbers.
    """
    config = text_config(config)
    card = _Card(dtype=dtype, has_flash=has_flash)
    if is_known(config):
        return _acted(config, plan, card, whole=whole, loop=loop, tell=tell)
    try:  # nobody has tried these; they are run whole, for layers may differ
        return _acted(config, plan, card, whole=True, loop=loop, tell=tell)
    except _MISHAPS as err:
        first = (str(err).strip() or type(err).__name__).splitlines()[0]
        raise ModelError(
            "model.no_dry_run",
            "This architecture cannot be acted out without its weights:"
            f" {first[:200]}.",
            hint="Leave out --dry-run: the formula's wide bounds are what can be said.",
        ) from err


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    """The card the step is acted out for."""

    dtype: DTypeName
    has_flash: bool


def _acted(
    config: Mapping[str, Any],
    plan: Plan,
    card: _Card,
    *,
    whole: bool,
    loop: Loop,
    tell: Tell,
) -> DryRun:
    made = _config(config, plan)
    if not plan.method.has_adapter:
        loop = "plain"  # our engine trains adapters alone
    if task(made) != "causal":  # two stacks, and no loop of ours
        return _run(made, plan, card, loop="plain", tell=tell)
    depths = None if whole else shallow_depths(made)

    if depths is None:
        return _run(made, plan, card, loop=loop, tell=tell)
    few, more = (
        _run(
            _of_depth(config, plan, depth),
            plan,
            card,
            loop=loop,
            tell=_half(tell, number),
        )
        for number, depth in enumerate(depths)
    )
    layers = int(made.num_hidden_layers)
    return _extrapolated(few, more, (layers - depths[0]) // (depths[1] - depths[0]))


def _half(tell: Tell, number: int) -> Tell:
    """Return whom half `number` (0 or 1) of the work tells how far it is."""
    return lambda share: tell((number + share) / 2)


def _extrapolated(few: DryRun, more: DryRun, turns: int) -> DryRun:
    phases = {
        name: bytes_ + (more.phases[name] - bytes_) * turns
        for name, bytes_ in few.phases.items()
    }
    return DryRun(
        peak=max(phases.values()),
        static=few.static + (more.static - few.static) * turns,
        phases=phases,
    )


def _config(config: Mapping[str, Any], plan: Plan) -> Any:
    from transformers import CONFIG_MAPPING

    options = {key: value for key, value in config.items() if key != "model_type"}
    kind = str(config.get("model_type", ""))
    if kind not in CONFIG_MAPPING:
        raise ModelError(
            "model.unknown_architecture",
            f"transformers knows no architecture “{kind}”.",
            hint="Choose another base model, or update Tunesmith.",
        )
    made: Any = CONFIG_MAPPING[kind](**options)
    made.max_position_embeddings = max(
        int(getattr(made, "max_position_embeddings", 0) or 0), plan.train.seq_len
    )
    made._attn_implementation = kernel_for(config, plan.train.attention)  # noqa: SLF001
    made.use_cache = False
    return made


def _of_depth(config: Mapping[str, Any], plan: Plan, layers: int) -> Any:
    whole = _config(config, plan)
    depth = int(whole.num_hidden_layers)
    names = getattr(type(whole), "attribute_map", {})
    made = {
        name: value[:layers]
        if isinstance(value, list) and len(value) == depth
        else value
        for name, value in config.items()
    }
    made.pop("num_hidden_layers", None)
    made[names.get("num_hidden_layers", "num_hidden_layers")] = layers
    return _config(made, plan)


def _run(config: Any, plan: Plan, card: _Card, *, loop: Loop, tell: Tell) -> DryRun:
    compute = Compute(device=torch.device("cpu"), dtype_name=card.dtype)
    if loop == "plain":
        model = on_meta(
            config, plan.method, compute, lambda base: plain_step.prepare(base, plan)
        )
    else:
        model = on_meta(config, plan.method, compute)
    ledger = Ledger()
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    manners = cuda_manners(has_flash=card.has_flash)
    with manners, dequantises(), fake, _Answers():
        make_fake(model)
        for tensor in (*model.parameters(), *model.buffers()):
            ledger.hold(tensor)
        static = ledger.live
        with ledger:
            passes = _STEPS * (1 if loop == "plain" else _passes(plan))
            # a layer that is computed again for its gradients is seen once more
            visits = passes * (3 if plan.train.gradient_checkpointing else 2)
            _watch_layers(model, ledger, visits=visits, tell=tell)
            if loop == "plain":
                plain_step.take_steps(model, plan, compute, ledger, steps=_STEPS)
            else:
                _train(model, plan, compute, ledger)
    return DryRun(peak=ledger.peak, static=static, phases=dict(ledger.peaks))


def _train(model: Any, plan: Plan, compute: Compute, ledger: Ledger) -> None:
    """Take optimiser steps exactly as a training does, on the longest rows."""
    learner = Learner(model, training=plan.train, compute=compute, pad_id=0)
    optimizer = plan.train.optimizer
    if optimizer == "adamw_torch":
        for group in learner.optimizer.param_groups:
            group["foreach"] = True  # torch's choice on a card
    else:
        states = BitsandbytesStates(learner.optimizer.param_groups, optimizer)
        learner.optimizer = cast("Any", states)
    length = plan.train.seq_len
    row = EncodedRow(ids=(1,) * length, trained=(False,) + (True,) * (length - 1))
    rows = [row] * plan.train.batch_size
    passes = _passes(plan)
    for step in range(1, _STEPS + 1):
        learner.begin_step(rows * passes)
        for number in range(passes):
            ledger.enter("forward")
            learner.accumulate(rows, step=step, number=number)
        ledger.enter("step")
        learner.apply(1e-4)
        ledger.enter("rest")


def _passes(plan: Plan) -> int:
    """Return the passes of one step: the second finds the first one's gradients."""
    return 1 if plan.train.gradient_accumulation == 1 else 2


def _watch_layers(model: Any, ledger: Ledger, *, visits: int, tell: Tell) -> None:
    """Tell the ledger when the backward pass enters the last and the first layer.

    Between those the peak grows or shrinks steadily, so each part is affine in depth.
    `tell` hears how far it is at each of the `visits` that every layer gets.
    """
    layers = _decoder_layers(model)
    last = len(layers) - 1
    visited = 0

    def visit() -> None:
        nonlocal visited
        visited += 1
        tell(min(1.0, visited / (visits * len(layers))))

    def watch(number: int, phase: str) -> None:
        def entered(_: Tensor) -> None:
            ledger.enter(phase)
            visit()

        def seen(_: Any, __: Any, out: Any) -> None:
            visit()
            hidden = out[0] if isinstance(out, (tuple, list)) else out
            if hidden.requires_grad:
                hidden.register_hook(entered)

        layers[number].register_forward_hook(seen)

    for number in range(len(layers)):
        phase = "first" if number == 0 else "last" if number == last else "middle"
        watch(number, phase)


def _decoder_layers(model: nn.Module) -> nn.ModuleList:
    lists = [m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) > 1]
    if not lists:  # one layer, or one used again and again (ALBERT)
        return nn.ModuleList()
    return max(lists, key=lambda found: sum(p.numel() for p in found.parameters()))


class _Answers(TorchFunctionMode):
    """Numbers are asked of tensors that hold none: a finite one is always right."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func in (Tensor.item, Tensor.__float__):
            return 1.0
        if func is Tensor.__bool__:
            return True
        return func(*args, **(kwargs or {}))
