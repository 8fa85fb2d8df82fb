"""The optimiser a plan names, or the nearest one this device has."""

from collections.abc import Iterable
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


def is_replaced(training: Training, compute: Compute) -> bool:
    """Return whether the device lacks the plan's optimiser and AdamW stands in."""
    return training.optimizer != "adamw_torch" and not compute.on_gpu
