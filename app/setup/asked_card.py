"""What a person means by what they typed for a card: its memory, or its name."""

from __future__ import annotations

import re
from typing import Final

from core.units import GIB, parse_bytes

_LARGEST_GIB: Final = 512
"""A bare number above is a card's name: 1080, 3090, 4070."""
_BARE: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
_COMMA: Final = re.compile(r"(?<=[0-9]),(?=[0-9])")


def asked_card(text: str) -> tuple[int | None, str | None]:
    """Return the memory in bytes, or the name: ``12,5 GiB`` and ``12``, ``4070``.

    These are the arguments of `core.hardware.budget.device_budget`.
    """
    wanted = _COMMA.sub(".", text.strip())
    if _BARE.fullmatch(wanted):
        number = float(wanted)
        if number > _LARGEST_GIB:
            return None, wanted
        return round(number * GIB), None
    try:
        return parse_bytes(wanted), None
    except ValueError:
        return None, wanted
