"""Room on a card for whole steps, taken once before the first.

Torch keeps what it has reserved in segments. Where they can grow (``expandable_segments``)
a pool is one stretch; where the driver cannot map memory page by page (Windows, WSL) every
larger batch gets segments of its own beside those of shorter ones, which it cannot use:
a quarter more memory was reserved than for full batches alone. One segment for a whole
step, taken and given back before the first, is cut up for all of them alike.
"""

from collections.abc import Callable
from contextlib import suppress

import torch

from core.engine.device import Compute

# A block is cut only where more than 1 MiB is left over, so some are handed out too large.
_UNCUT_BYTES = 24 << 20


def make_room(compute: Compute, step_bytes: Callable[[], int]) -> None:
    """Take cuBLAS's workspaces and, where segments cannot grow, one for whole steps.

    No numbers depend on it. Where so much is not free nothing is taken: torch then gives
    back segments of shorter batches as it needs them.

    Args:
        compute: The device; nothing happens on a processor.
        step_bytes: Tells how much large blocks a step needs; asked where it matters.
    """
    if not compute.on_gpu:
        return
    _take_workspaces(compute)
    if _grows():
        return
    wanted = step_bytes()
    if not wanted:
        return
    wanted += _UNCUT_BYTES
    if wanted <= torch.cuda.mem_get_info(compute.device)[0]:
        with suppress(torch.OutOfMemoryError):
            torch.empty(wanted, dtype=torch.uint8, device=compute.device)


def _take_workspaces(compute: Compute) -> None:
    """Multiply in this thread and in autograd's: each keeps a workspace from then on.

    Taken later they would lie between a step's tensors and part the room for the next.
    """
    weight = torch.zeros(8, 8, dtype=compute.dtype, device=compute.device)
    weight.requires_grad_()
    (weight @ weight).sum().backward()


def _grows() -> bool:
    """Return whether torch's segments grow; the driver may have refused."""
    return any(segment["is_expandable"] for segment in torch.cuda.memory_snapshot())
