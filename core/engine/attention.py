"""Which attention kernel torch's scaled dot-product attention may take.

Only flash attention reads keys and values shared by several heads (grouped-query
attention); it needs Ampere and 16-bit numbers. Asked for shared heads without it, torch
falls back to plain operations, which hold every score (aten/native/transformers/cuda/
sdp_utils.cpp). With the heads copied out it takes the memory-efficient kernel instead.
"""

from collections.abc import Callable

import torch
import transformers.integrations.sdpa_attention as sdpa
from torch import Tensor

from core.engine.device import Compute

_ASKED = sdpa.use_gqa_in_sdpa
_FLASH_FROM = (8, 0)
_HALF_BYTES = 2

Asks = Callable[[Tensor | None, Tensor, Tensor], bool]


def shares_heads(*, has_flash: bool) -> Asks:
    """Return what tells transformers whether to hand shared heads to torch."""

    def asks(mask: Tensor | None, key: Tensor, value: Tensor) -> bool:
        return has_flash and _becomes_half(key) and _ASKED(mask, key, value)

    return asks


def _becomes_half(x: Tensor) -> bool:
    """Whether attention sees 16-bit numbers, by themselves or narrowed by autocast."""
    kind = x.device.type
    dtype = (
        torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
    )
    return dtype.itemsize == _HALF_BYTES


def suit_card(compute: Compute) -> None:
    """Let transformers copy shared heads out where the card has no flash attention."""
    if not compute.on_gpu:
        return
    has_flash = torch.cuda.get_device_capability(compute.device) >= _FLASH_FROM
    sdpa.use_gqa_in_sdpa = shares_heads(has_flash=has_flash)
