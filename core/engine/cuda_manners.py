"""What CUDA kernels allocate that the same operations on a CPU do not.

A dry run executes the real training step on fake CPU tensors; inside `cuda_manners`
attention, dropout, softmax and 4-bit products allocate as their CUDA kernels would.
Each rule was found as a difference to measured runs and stands with its source.
"""

import math
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional

from core.engine.every_score import every_score

# bitsandbytes 0.50: up to this many rows and more, by card and shape, a fused kernel
# multiplies in 4 bits; the batches one trains with are above it, and
# the weight is dequantised first (backends/cuda/ops.py, _gemm_4bit_use_custom_cuda).
_FUSED_ROWS = 64
_BLOCK = 64
_BIAS_COLUMNS = 16


class _Flash(torch.autograd.Function):
    """FlashAttention-2 (aten/native/transformers/cuda/flash_attn/flash_api.cpp)."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        batch, heads, length, dim = query.shape
        out = query.new_empty(batch, length, heads, dim).transpose(1, 2)
        sums = query.new_empty(batch, heads, length, dtype=torch.float32)
        ctx.save_for_backward(query, key, value, out, sums)
        return out

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:  # noqa: ARG004 - torch's
        saved = ctx.saved_tensors  # the kernel's arguments: all live while it runs
        query, key = saved[:2]
        batch, heads, length, dim = query.shape
        kv_heads = key.shape[1]
        made = [
            query.new_empty(batch, length, count, dim).transpose(1, 2)
            for count in (heads, kv_heads, kv_heads)
        ]
        rows, width = -(-length // 128) * 128, -(-dim // 32) * 32
        scratch = [
            query.new_empty(batch, heads, rows, dtype=torch.float32),
            query.new_empty(batch, rows, heads, width, dtype=torch.float32),
        ]
        if kv_heads != heads:
            scratch += [query.new_empty(batch, length, heads, dim) for _ in range(2)]
        del scratch
        return tuple(made)


class _Efficient(torch.autograd.Function):
    """Memory-efficient attention, the kernel of cards before Ampere."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        batch, heads, length, dim = query.shape
        bias = None if mask is None else _bias(mask, query.dtype)
        out = query.new_empty(batch, length, heads, dim).transpose(1, 2)
        rows = -(-length // 32) * 32
        sums = query.new_empty(batch, heads, rows, dtype=torch.float32)
        ctx.save_for_backward(query, key, value, out, sums, bias)
        return out

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:  # noqa: ARG004 - torch's
        saved = ctx.saved_tensors  # the kernel's arguments: all live while it runs
        query, key = saved[:2]
        batch, heads, length, dim = query.shape
        made = [
            query.new_empty(batch, length, heads, dim).transpose(1, 2) for _ in range(3)
        ]
        delta = query.new_empty(batch, heads, length, dtype=torch.float32)
        del delta
        if len(ctx.needs_input_grad) > 3 and ctx.needs_input_grad[3]:
            # the bias's own gradient, for each sequence; autograd sums it up
            return (*made, query.new_empty(batch, heads, length, key.shape[2]))
        return (*made, None)


def _bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a mask as the kernel adds it: a fresh tensor, 16 columns aligned.

    ``convert_boolean_attn_mask`` and ``pad_bias`` of aten/native/transformers.
    """
    bias = mask if mask.dtype == dtype else mask.new_empty(mask.shape, dtype=dtype)
    columns = mask.shape[-1]
    if columns % _BIAS_COLUMNS == 0:
        return bias
    wide = -(-columns // _BIAS_COLUMNS) * _BIAS_COLUMNS
    return mask.new_empty(*mask.shape[:-1], wide, dtype=dtype)


class _HalfSoftmax(torch.autograd.Function):
    """``softmax(fp16, dtype=float32)``: one kernel, no 32-bit copy of the input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        out = torch.empty(x.shape, dtype=torch.float32, device=x.device)
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:  # noqa: ARG004 - torch's
        (grad,) = grad_outputs
        made = torch.empty(grad.shape, dtype=torch.float16, device=grad.device)
        scratch = torch.empty_like(grad)
        del scratch
        return made


class FourBitProduct(torch.autograd.Function):
    """bitsandbytes' MatMul4Bit with the dequantised weight as a visible tensor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, outputs: int) -> Tensor:
        ctx.outputs, ctx.inputs = outputs, x.shape[-1]
        rows = x.numel() // x.shape[-1]
        weight = None if rows <= _FUSED_ROWS else _dequantised(ctx, x)
        out = x.new_empty(*x.shape[:-1], outputs)
        del weight
        return out

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (grad,) = grad_outputs
        weight = _dequantised(ctx, grad)
        return torch.matmul(grad, weight), None


class EightBitProduct(torch.autograd.Function):
    """bitsandbytes' MatMul8bitLt (0.50): the input hangs on the node itself.

    Nothing lets go of it before the graph does: neither checkpointing nor the node's
    own backward pass.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, outputs: int) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        ctx.x, ctx.outputs = flat, outputs
        stats, codes = _eight_bit_codes(flat)
        shape = flat.shape[0], outputs
        sums = x.new_empty(shape, dtype=torch.int32)
        out = x.new_empty(shape, dtype=torch.float16).to(x.dtype)
        del sums, stats, codes
        return out.reshape(*x.shape[:-1], outputs)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (grad,) = grad_outputs
        flat = grad.reshape(-1, grad.shape[-1])
        weight = grad.new_empty(ctx.outputs, ctx.x.shape[-1], dtype=ctx.x.dtype)
        made = torch.matmul(flat.to(ctx.x.dtype), weight)
        return made.view(*grad.shape[:-1], ctx.x.shape[-1]), None


def _eight_bit_codes(flat: Tensor) -> tuple[Tensor, Tensor]:
    half = flat.to(torch.float16)
    stats = half.new_empty(half.shape[0], dtype=torch.float32)
    codes = half.new_empty(half.shape, dtype=torch.int8)
    outliers = half.abs() >= 1.0
    del outliers
    return stats, codes


def _dequantised(ctx: Any, like: Tensor) -> Tensor:
    scales = like.new_empty(
        math.ceil(ctx.outputs * ctx.inputs / _BLOCK), dtype=torch.float32
    )
    weight = like.new_empty(ctx.outputs, ctx.inputs)
    del scales
    return weight


@contextmanager
def cuda_manners(*, has_flash: bool) -> Generator[None]:
    """Make attention, dropout, softmax and norms allocate as on a CUDA card."""
    import transformers.integrations.moe as mixtures
    import transformers.integrations.sdpa_attention as sdpa
    import transformers.masking_utils as masking

    from core.engine.attention import shares_heads

    fused = _Flash if has_flash else _Efficient
    with ExitStack() as stack:
        for target, name, stand_in in (
            (functional, "scaled_dot_product_attention", partial(_attention, fused)),
            (functional, "dropout", _dropout),
            (functional, "softmax", partial(_softmax, functional.softmax)),
            # what autocast widens on CUDA and not on a CPU (aten/autocast_mode.h)
            (functional, "layer_norm", partial(_widened, functional.layer_norm)),
            (torch, "pow", partial(_widened, torch.pow)),
            # peft asks about the default device, which is a GPU in real life
            (torch, "is_autocast_enabled", _default_device_autocasts),
            # transformers takes fake tensors for a trace and then builds a mask
            (masking, "is_tracing", _no),
            (masking, "find_packed_sequence_indices", _none),
            (masking, "fast_all", _yes),  # rows are full, so no mask hides anything
            # whether a gradient overflowed is asked of tensors without numbers: no
            (torch.amp.GradScaler, "_maybe_opt_step", _step_taken),
            (sdpa, "use_gqa_in_sdpa", shares_heads(has_flash=has_flash)),
            # torch's own needs Ampere, and its fake kernel bf16
            (mixtures, "_can_use_grouped_mm", partial(_can_group, has_flash)),
        ):
            stack.enter_context(patch.object(target, name, stand_in))
        yield


_autocast_enabled = torch.is_autocast_enabled


def _default_device_autocasts(*_: Any) -> bool:
    return _autocast_enabled("cpu")


def _attention(
    fused: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    *_: Any,
    **options: Any,
) -> Tensor:
    if _autocast_enabled("cpu"):  # attention is on the list of narrowed operations
        dtype = torch.get_autocast_dtype("cpu")
        query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    if key.shape[1] != query.shape[1] and not options.get("enable_gqa"):
        return every_score(query, key, value, attn_mask)  # no kernel broadcasts
    if attn_mask is not None:  # flash takes none
        return _applied(_Efficient, query, key, value, attn_mask)
    if query.dtype == torch.float32:  # nor does it multiply in 32 bits
        fused = _Efficient
    return _applied(fused, query, key, value)


def _dropout(
    x: Tensor,
    p: float = 0.5,
    training: bool = True,  # noqa: FBT001, FBT002 - torch's signature
    inplace: bool = False,  # noqa: FBT001, FBT002
) -> Tensor:
    if not training or p == 0.0 or inplace:
        return x
    return torch.ops.aten.native_dropout(x, p, True)[0]  # noqa: FBT003


def _softmax(
    softmax: Any, x: Tensor, dim: Any = None, *_: Any, **options: Any
) -> Tensor:
    dtype = options.get("dtype")
    if dtype is None and _autocast_enabled("cpu"):  # on CUDA's list of widened ones
        dtype = torch.float32
    if dtype == torch.float32 and x.dtype == torch.float16:
        return _applied(_HalfSoftmax, x)
    return softmax(x, dim=dim, dtype=dtype)


def _widened(function: Any, x: Tensor, *args: Any, **options: Any) -> Tensor:
    if _autocast_enabled("cpu") and x.dtype in (torch.bfloat16, torch.float16):
        x = x.float()
        args = tuple(a.float() if isinstance(a, Tensor) else a for a in args)
    return function(x, *args, **options)


def _step_taken(_: Any, optimizer: Any, __: Any) -> Any:
    return optimizer.step()


def _can_group(ampere: bool, _: Tensor, weight: Tensor, __: Tensor) -> bool:  # noqa: FBT001
    return ampere and weight.dtype == torch.bfloat16


def _no(*_: Any, **__: Any) -> bool:
    return False


def _yes(*_: Any, **__: Any) -> bool:
    return True


def _none(*_: Any, **__: Any) -> None:
    return None


def _applied(function: Any, *tensors: Tensor) -> Tensor:
    found = function.apply(*tensors)
    assert isinstance(found, Tensor)
    return found
