"""The real training step on fake tensors: exact memory without weights or a GPU.

`Learner`, `LossHead`, peft and transformers run as they do in a training; only the
tensors hold no numbers (torch's FakeTensorMode), so an 8-billion model takes seconds.
A change of the engine changes the dry run with it.

Layers of one kind cost the same, so two shallow models tell of the deep one: the peak of
each phase is affine in the number of layers.
"""

import functools
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode

from core.data.rows import EncodedRow
from core.engine.cuda_manners import FourBitProduct, cuda_manners
from core.engine.device import Compute, DTypeName
from core.engine.learner import Learner
from core.engine.ledger import Ledger
from core.engine.load import add_adapter, kernel_for
from core.errors import ModelError
from core.plan.plan import Method, Optimizer, Plan

_SHALLOW = (2, 3)
_STEPS = 2
# transformers' bitsandbytes integration replaces these, and no subclass of them.
_QUANTISED = frozenset({"Linear", "Conv1D"})
_MIN_8BIT = 4096
_MIN_PAGED = 100_000


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
) -> DryRun:
    """Return the peak bytes of training `plan` on a CUDA card.

    Args:
        config: The content of the model's config.json.
        plan: What would be trained.
        dtype: The number format of the card's products.
        has_flash: Whether the card runs flash attention (Ampere and later).
        whole: Act out every layer instead of extrapolating from shallow models.

    Raises:
        ModelError: transformers cannot build this model.
    """
    made = _config(config, plan)
    depth = int(made.num_hidden_layers)
    alike = len(set(getattr(made, "layer_types", None) or [0])) == 1
    if whole or depth <= _SHALLOW[1] or not alike:
        return _run(made, plan, dtype, has_flash=has_flash)
    few, more = (
        _run(_of_depth(config, plan, n), plan, dtype, has_flash=has_flash)
        for n in _SHALLOW
    )
    return _extrapolated(few, more, depth - _SHALLOW[0])


def _extrapolated(few: DryRun, more: DryRun, layers: int) -> DryRun:
    phases = {
        name: bytes_ + (more.phases[name] - bytes_) * layers
        for name, bytes_ in few.phases.items()
    }
    return DryRun(
        peak=max(phases.values()),
        static=few.static + (more.static - few.static) * layers,
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
    made = dict(config)
    made["n_layer" if "n_layer" in made else "num_hidden_layers"] = layers
    if isinstance(made.get("layer_types"), list):
        made["layer_types"] = made["layer_types"][:layers]
    return _config(made, plan)


def _run(config: Any, plan: Plan, dtype: DTypeName, *, has_flash: bool) -> DryRun:
    compute = Compute(device=torch.device("cpu"), dtype_name=dtype)
    model = _on_meta(config, plan.method, compute)
    ledger = Ledger()
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    with cuda_manners(has_flash=has_flash), fake, _Answers():
        _make_fake(model)
        for tensor in (*model.parameters(), *model.buffers()):
            ledger.hold(tensor)
        static = ledger.live
        with ledger:
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
        states = _BitsandbytesStates(learner.optimizer.param_groups, optimizer)
        learner.optimizer = cast("Any", states)
    _watch_layers(model, ledger)
    length = plan.train.seq_len
    row = EncodedRow(ids=(1,) * length, trained=(False,) + (True,) * (length - 1))
    rows = [row] * plan.train.batch_size
    passes = 1 if plan.train.gradient_accumulation == 1 else 2
    for step in range(1, _STEPS + 1):
        learner.begin_step(rows * passes)
        for number in range(passes):
            ledger.enter("forward")
            learner.accumulate(rows, step=step, number=number)
        ledger.enter("step")
        learner.apply(1e-4)
        ledger.enter("rest")


def _watch_layers(model: Any, ledger: Ledger) -> None:
    """Tell the ledger when the backward pass enters the last and the first layer.

    Between those the peak grows or shrinks steadily, so each part is affine in depth.
    """
    layers = _decoder_layers(model)
    last = len(layers) - 1

    def watch(number: int, phase: str) -> None:
        def entered(_: Tensor) -> None:
            ledger.enter(phase)

        def seen(_: Any, __: Any, out: Any) -> None:
            hidden = out[0] if isinstance(out, (tuple, list)) else out
            if hidden.requires_grad:
                hidden.register_hook(entered)

        layers[number].register_forward_hook(seen)

    for number in range(len(layers)):
        phase = "first" if number == 0 else "last" if number == last else "middle"
        watch(number, phase)


def _decoder_layers(model: nn.Module) -> nn.ModuleList:
    lists = [m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) > 1]
    return max(lists, key=lambda found: sum(p.numel() for p in found.parameters()))


# -- the model without weights ---------------------------------------------------


def _on_meta(config: Any, method: Method, compute: Compute) -> Any:
    from transformers import AutoModelForCausalLM

    with torch.device("meta"), _default_dtype(compute.dtype):
        model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
        model.requires_grad_(requires_grad=False)
        if method.kind == "qlora":
            _quantise(model, method, compute)
        # a real load keeps the adapter in fp32; so does this one
        torch.set_default_dtype(torch.float32)
        return add_adapter(
            model, replace(method, init="default"), seed=0, base_name="dry run"
        )


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Generator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _quantise(model: Any, method: Method, compute: Compute) -> None:
    """Put bitsandbytes' 4-bit layers in place of all but the output layer."""
    head = model.get_output_embeddings()
    for name, layer in list(model.named_modules()):
        if type(layer).__name__ in _QUANTISED and layer is not head:
            parent = model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], _four_bit(layer, method, compute))
    model.is_loaded_in_4bit = model.is_quantized = True


def _four_bit(layer: Any, method: Method, compute: Compute) -> nn.Module:
    import bitsandbytes as bnb

    rows, columns = layer.weight.shape
    if type(layer) is not nn.Linear:  # GPT-2's Conv1D holds its weight transposed
        rows, columns = columns, rows
    made: Any = bnb.nn.Linear4bit(
        columns,
        rows,
        bias=layer.bias is not None,
        compute_dtype=compute.dtype,
        compress_statistics=method.double_quant,
        quant_type=method.quant_type,
        device="meta",
    )
    made.requires_grad_(requires_grad=False)
    count = rows * columns
    blocks = -(-count // 64)
    parts = {"code": (torch.float32, 16)}
    if method.double_quant:
        parts |= {
            "absmax": (torch.uint8, blocks),
            "absmax_of_absmax": (torch.float32, -(-blocks // 256)),
            "code_of_absmax": (torch.float32, 256),
            "offset": (torch.float32, 1),
        }
    else:
        parts["absmax"] = (torch.float32, blocks)
    for name, (dtype, size) in parts.items():
        made.register_buffer(name, torch.empty(size, dtype=dtype, device="meta"))
    made.packed_bytes = -(-count // 2)
    made.forward = functools.partial(_four_bit_forward, made)
    return made


def _four_bit_forward(layer: Any, x: Tensor) -> Tensor:
    """Linear4bit.forward of bitsandbytes 0.50, its kernel made visible."""
    out: Any = FourBitProduct.apply(x.to(layer.compute_dtype), layer.out_features)
    return cast("Tensor", out).to(x.dtype)


def _make_fake(model: nn.Module) -> None:
    """Swap every meta tensor for a fake one; shared tensors stay shared."""
    # The originals are kept too: an id is one tensor's only while that tensor lives.
    made: dict[int, tuple[Tensor, Tensor]] = {}

    def fake(tensor: Tensor, *, trained: bool | None) -> Tensor:
        if id(tensor) not in made:
            empty = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu")
            if trained is not None:
                empty = nn.Parameter(empty, requires_grad=trained)
            made[id(tensor)] = tensor, empty
        return made[id(tensor)][1]

    for module in model.modules():
        packed = getattr(module, "packed_bytes", None)
        if packed is not None:  # two weights a byte, whatever the layer's shape says
            bytes_ = torch.empty(packed, dtype=torch.uint8, device="meta")
            cast("Any", module).weight = nn.Parameter(bytes_, requires_grad=False)
        for name, weight in list(module.named_parameters(recurse=False)):
            setattr(module, name, fake(weight, trained=weight.requires_grad))
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, fake(buffer, trained=None))


class _Answers(TorchFunctionMode):
    """Numbers are asked of tensors that hold none: a finite one is always right."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func in (Tensor.item, Tensor.__float__):
            return 1.0
        return func(*args, **(kwargs or {}))


class _BitsandbytesStates:
    """The moments bitsandbytes' AdamW keeps, as large as they would be."""

    def __init__(self, groups: list[dict[str, Any]], kind: Optimizer) -> None:
        self.param_groups = groups
        self._eight = kind in {"adamw_8bit", "paged_adamw_8bit"}
        self._paged = kind.startswith("paged")
        self._state: list[Tensor] = []

    def _weights(self) -> list[nn.Parameter]:
        return [weight for group in self.param_groups for weight in group["params"]]

    def step(self) -> None:
        """Make the moments at the first step; later steps allocate nothing."""
        if self._state:
            return
        for weight in self._weights():
            eight = self._eight and weight.numel() >= _MIN_8BIT
            if not (self._paged and weight.numel() >= _MIN_PAGED):
                dtype = torch.uint8 if eight else torch.float32
                self._state += [torch.empty(weight.shape, dtype=dtype) for _ in "mv"]
            if eight:
                size = -(-weight.numel() // 256)
                self._state += [torch.empty(size) for _ in "mv"]

    def zero_grad(self, *, set_to_none: bool = True) -> None:
        """Let go of the gradients."""
        assert set_to_none
        for weight in self._weights():
            weight.grad = None
