"""torch's attention in plain operations, as its fused kernels' last resort.

``_scaled_dot_product_attention_math`` (aten/native/transformers/attention.cpp), step
by step. Under a dispatch mode torch's own copies where it otherwise works in place.
"""

from typing import Any

import torch
from torch import Tensor


def every_score(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None
) -> Tensor:
    """Return the attention; every score exists, 16-bit ones widened to 32."""
    dtype, scale = query.dtype, query.shape[-1] ** -0.25
    with torch.autocast("cpu", enabled=False):
        bias = mask
        if bias is not None and bias.dtype == torch.bool:
            seen, hidden = query.new_tensor(0.0), query.new_tensor(-torch.inf)
            bias = torch.where(bias, seen, hidden)
        wide = query.float(), key.float(), value.float()
        scaled = wide[0] * scale
        weights = torch.matmul(scaled, wide[1].transpose(-2, -1) * scale)
        if bias is not None:
            weights.add_(bias)
        weights = _safe_softmax(weights)
        narrow = weights.to(dtype)  # the second of the two results, which nobody takes
        out = torch.matmul(weights, wide[2]).to(dtype)
        del narrow
        return out


def _safe_softmax(x: Tensor) -> Tensor:
    found = _SafeSoftmax.apply(x)
    assert isinstance(found, Tensor)
    return found


class _SafeSoftmax(torch.autograd.Function):
    """Rows of nothing but -inf become 0 instead of nan (aten/native/SoftMax.cpp)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        shares = torch.softmax(x, dim=-1)
        hidden = x == -torch.inf
        rows = hidden.all(dim=-1, keepdim=True)
        out = torch.where(rows, 0.0, shares)
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        (grad,), (out,) = grad_outputs, ctx.saved_tensors
        return torch.ops.aten._softmax_backward_data(grad, out, -1, grad.dtype)  # noqa: SLF001
