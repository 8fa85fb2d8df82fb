"""The device a person chose, told to the children through their environment.

The engine sees only the card it may use; `core.hardware` reads the same variable, so
estimates and engine never speak of different devices.
"""

from __future__ import annotations

import os


def use_device(device: str) -> None:
    """Let everything started from now on use `device`: auto, cpu or a GPU's index."""
    if device == "auto":
        os.environ.pop("TUNESMITH_DEVICE", None)
        return
    os.environ["TUNESMITH_DEVICE"] = device
