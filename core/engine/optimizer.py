"""The optimiser a plan names, or the nearest one this device has."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import torch
from torch import nn

from core.engine.device import Compute
from core.plan.plan import Training


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
        return torch.optim.AdamW(trainable, lr=rate, weight_decay=decay)
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
