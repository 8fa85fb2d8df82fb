"""AdamW on tensors that hold no numbers: its moments are as large as they would be."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from core.plan.plan import Optimizer

_MIN_8BIT = 4096
_MIN_PAGED = 100_000


def fake_optimizer(trained: Sequence[nn.Parameter], kind: Optimizer) -> Any:
    """Return AdamW as a card would run it."""
    if kind == "adamw_torch":  # torch steps all tensors at once on a card
        return torch.optim.AdamW(trained, lr=1e-4, foreach=True)
    return BitsandbytesStates([{"params": list(trained)}], kind)


class BitsandbytesStates:
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
