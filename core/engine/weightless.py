"""A model with an adapter and no weights: built on the meta device, then made fake.

Quantised layers are bitsandbytes' own objects, their packed weights and scales as large
as a real load leaves them.
"""

import functools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast
from unittest.mock import patch

import torch
from torch import Tensor, nn

from core.engine.cuda_manners import EightBitProduct, FourBitProduct
from core.engine.device import Compute
from core.engine.load import add_adapter
from core.engine.tasks import built, stays_wide
from core.plan.plan import Method

# transformers' bitsandbytes integration replaces these, and no subclass of nn.Linear:
# ``type(module) is nn.Linear`` (replace_with_bnb_linear), so not FalconLinear.
_QUANTISED = frozenset({"Linear", "Conv1D"})


def on_meta(
    config: Any,
    method: Method,
    compute: Compute,
    prepare: Callable[[Any], Any] = lambda model: model,
) -> Any:
    """Return the model of `config`, frozen and with the adapter of `method`, on meta.

    Args:
        config: A configuration of transformers.
        method: What is trained; `full` gets no adapter and nothing frozen.
        compute: Format of the weights that are not quantised.
        prepare: What a loop does to the base before the adapter is put on.
    """
    with torch.device("meta"), _default_dtype(compute.dtype), dequantises():
        model: Any = built(config)
        model.requires_grad_(requires_grad=not method.has_adapter)
        if method.kind in {"qlora", "lora8"}:
            _quantise(model, method, compute)
        model = prepare(model)
        if not method.has_adapter:
            return model
        # a real load keeps the adapter in fp32; so does this one
        torch.set_default_dtype(torch.float32)
        return add_adapter(
            model, replace(method, init="default"), seed=0, base_name="dry run"
        )


@contextmanager
def dequantises() -> Generator[None]:
    """Let DoRA have the weight of a quantised layer, of which there are no codes."""
    from peft.tuners.lora import dora

    real = dora.dequantize_module_weight

    def weight_of(layer: Any) -> Any:
        if not hasattr(layer, "packed"):
            return real(layer)
        return layer.weight.new_empty(
            layer.out_features, layer.in_features, dtype=layer.dense_dtype
        )

    with patch.object(dora, "dequantize_module_weight", weight_of):
        yield


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Generator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _quantise(model: Any, method: Method, compute: Compute) -> None:
    """Put bitsandbytes' layers in place of all but the output layer."""
    head = model.get_output_embeddings()
    kept = stays_wide(model)
    make = _four_bit if method.kind == "qlora" else _eight_bit
    for name, layer in list(model.named_modules()):
        if type(layer).__name__ in _QUANTISED and layer is not head:
            if name.endswith(kept):
                continue
            parent = model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], make(layer, method, compute))
    model.is_quantized = True
    model.is_loaded_in_4bit = method.kind == "qlora"
    model.is_loaded_in_8bit = method.kind == "lora8"


def _sizes(layer: Any) -> tuple[int, int]:
    """Return a linear layer's outputs and inputs."""
    rows, columns = layer.weight.shape
    # GPT-2's Conv1D holds its weight transposed
    return (rows, columns) if type(layer) is nn.Linear else (columns, rows)


def _four_bit(layer: Any, method: Method, compute: Compute) -> nn.Module:
    import bitsandbytes as bnb

    rows, columns = _sizes(layer)
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
    made.packed = (-(-count // 2),), torch.uint8
    made.dense_dtype = compute.dtype
    made.forward = functools.partial(_four_bit_forward, made)
    return made


def _four_bit_forward(layer: Any, x: Tensor) -> Tensor:
    """Linear4bit.forward of bitsandbytes 0.50, its kernel made visible."""
    bias = layer.bias
    if bias is not None and bias.dtype != layer.compute_dtype:
        bias.data = bias.data.to(layer.compute_dtype)
    came, x = x.dtype, x.to(layer.compute_dtype)  # which it holds until it returns
    out: Any = FourBitProduct.apply(x, layer.out_features)
    return cast("Tensor", out).to(came)


def _eight_bit(layer: Any, _: Method, compute: Compute) -> nn.Module:
    import bitsandbytes as bnb

    rows, columns = _sizes(layer)
    made: Any = bnb.nn.Linear8bitLt(
        columns,
        rows,
        bias=layer.bias is not None,
        has_fp16_weights=False,
        threshold=6.0,  # transformers' llm_int8_threshold
        device="meta",
    )
    made.requires_grad_(requires_grad=False)
    made.register_buffer(
        "scales", torch.empty(rows, device="meta", dtype=torch.float32)
    )
    made.packed = (rows, columns), torch.int8
    made.dense_dtype = compute.dtype
    made.forward = functools.partial(_eight_bit_forward, made)
    return made


def _eight_bit_forward(layer: Any, x: Tensor) -> Tensor:
    """Linear8bitLt.forward of bitsandbytes 0.50, its kernels made visible."""
    if layer.bias is not None and layer.bias.dtype != x.dtype:
        layer.bias.data = layer.bias.data.to(x.dtype)
    return cast("Tensor", EightBitProduct.apply(x, layer.out_features))


def make_fake(model: nn.Module) -> None:
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
        packed = getattr(module, "packed", None)
        if packed is not None:  # as many bytes as are kept, whatever the layer's shape
            shape, dtype = packed
            bytes_ = torch.empty(shape, dtype=dtype, device="meta")
            cast("Any", module).weight = nn.Parameter(bytes_, requires_grad=False)
        for name, weight in list(module.named_parameters(recurse=False)):
            setattr(module, name, fake(weight, trained=weight.requires_grad))
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, fake(buffer, trained=None))
