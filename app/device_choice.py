"""The device a person chose, told to everything started from now on.

The choice travels in the environment, as it does for every program that computes on
CUDA: a child sees only the card it may use, and `core.hardware` reads the same choice,
so that estimates and engine never speak of different devices.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import Final

_OURS: Final = "TUNESMITH_DEVICE"
_CUDA: Final = "CUDA_VISIBLE_DEVICES"
_ORDER: Final = "CUDA_DEVICE_ORDER"


class DeviceChoice:
    """Changes the environment, and remembers what it was for "auto"."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._environment = environment
        self._before = {key: environment.get(key) for key in (_OURS, _CUDA, _ORDER)}

    def use(self, device: str) -> None:
        """Let everything started from now on use `device`: auto, cpu, or an index."""
        if device == "auto":
            for key, value in self._before.items():
                if value is None:
                    self._environment.pop(key, None)
                else:
                    self._environment[key] = value
            return
        self._environment[_OURS] = device
        # An index means what the driver calls it, not what CUDA finds fastest.
        self._environment[_ORDER] = "PCI_BUS_ID"
        # -1 and not empty: Windows takes an empty variable for none
        self._environment[_CUDA] = "-1" if device == "cpu" else device
