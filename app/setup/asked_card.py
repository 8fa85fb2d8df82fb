"""What a person means by what they typed for a card: its memory, or its name."""

from __future__ import annotations

from typing import Final

from core.units import GIB, parse_bytes

_LARGEST_GIB: Final = 512
"""A bare number above is a card's name: 1080, 3090, 4070."""


def asked_card(text: str) -> tuple[int | None, str | None]:
    """Return the memory in bytes, or the name: ``12 GiB`` and ``12``, ``4070``.

    These are the arguments of `core.hardware.budget.device_budget`.
    """
    wanted = text.strip()
    if wanted.isdecimal() and int(wanted) <= _LARGEST_GIB:
        return int(wanted) * GIB, None
    if wanted.isdecimal():
        return None, wanted
    try:
        return parse_bytes(wanted), None
    except ValueError:
        return None, wanted
