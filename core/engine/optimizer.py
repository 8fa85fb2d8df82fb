"""The optimiser a plan names, or the nearest one this device has."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from core.engine.device import Compute
from core.plan.plan import Training

SLICE_BYTES = 32 << 20


class SlicedAdamW(torch.optim.AdamW):
    """AdamW that steps a slice of the weights at a time; the same numbers, bit for bit.

    On a card torch steps all weights at once and holds a copy as large as they are, in
    blocks that a step's larger tensors cannot use again: 160 MiB more were reserved for
    an adapter of rank 16 on 8 billion weights. No weight looks at another.
    """

    def step(self, closure: Any = None) -> None:
        """Take one step; `closure` is not supported, as nobody here has one."""
        assert closure is None
        groups = self.param_groups
        try:
            for group in groups:
                for part in slices(group["params"]):
                    self.param_groups = [{**group, "params": part}]
                    super().step()
        finally:
            self.param_groups = groups


def slices(weights: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Give `weights` in their order, at most 32 MiB at a time or a single larger one."""
    part: list[Tensor] = []
    size = 0
    for weight in weights:
        size += weight.nbytes
        if part and size > SLICE_BYTES:
            yield part
            part, size = [], weight.nbytes
        part.append(weight)
    if part:
        yield part


def make_optimizer(
    parameters: Iterable[nn.Parameter], training: Training, compute: Compute
) -> torch.optim.Optimizer:
    """Return AdamW over `parameters` with the plan's state format.

    bitsandbytes keeps 8-bit and paged states on CUDA cards alone; elsewhere the states
    are fp32 (`is_replaced` says so beforehand).
    """
    trainable = list(parameters)
    rate, decay = training.learning_rate, training.weight_decay
    if training.optimizer == "adamw_torch" or not compute.on_gpu:
        return SlicedAdamW(trainable, lr=rate, weight_decay=decay)
    import bitsandbytes.optim as bnb

    cls: Any = {
        "adamw_8bit": bnb.AdamW8bit,
        "paged_adamw_8bit": bnb.PagedAdamW8bit,
        "paged_adamw_32bit": bnb.PagedAdamW32bit,
    }[training.optimizer]
    made = cls(trainable, lr=rate, weight_decay=decay)
    return cast("torch.optim.Optimizer", made)


def restore(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Make `state`, as ``state_dict`` gave it, that of `optimizer`, where it would lie.

    bitsandbytes puts what it loads into plain memory of the card, so that a resumed run
    would take more there than the one it goes on from, and more than was promised.
    """
    if not getattr(optimizer, "is_paged", False):
        optimizer.load_state_dict(dict(state))
        return
    paged = cast("Any", optimizer)
    paged.load_state_dict(dict(state), move_to_device=False)  # its first step moves
    for weight, kept in paged.state.items():
        for name in ("state1", "state2"):
            page = paged.get_state_buffer(weight, dtype=kept[name].dtype)
            kept[name] = page.copy_(kept[name])


def is_replaced(training: Training, compute: Compute) -> bool:
    """Return whether the device lacks the plan's optimiser and AdamW stands in."""
    return training.optimizer != "adamw_torch" and not compute.on_gpu
