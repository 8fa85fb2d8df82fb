"""Bytes and seconds everywhere; GiB and minutes only in text for people."""

import math
import re

KIB = 1024
MIB = 1024**2
GIB = 1024**3

# Memory is given in powers of two because that is what drivers report; "GB" on a
# card's box means GiB too, so both spellings are read alike.
_FACTORS = {
    "": 1, "b": 1,
    "k": KIB, "kb": KIB, "kib": KIB,
    "m": MIB, "mb": MIB, "mib": MIB,
    "g": GIB, "gb": GIB, "gib": GIB,
    "t": GIB * KIB, "tb": GIB * KIB, "tib": GIB * KIB,
}  # fmt: skip
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)\s*")


def parse_bytes(text: str) -> int:
    """Return the bytes a person means by ``12GiB``, ``12 GB``, ``800M`` or ``1024``.

    Raises:
        ValueError: It is not a size.
    """
    match = _SIZE.fullmatch(text)
    factor = _FACTORS.get(match.group(2).lower()) if match else None
    if match is None or factor is None:
        message = f"“{text}” is not a size. Write it like 12GiB or 800MiB."
        raise ValueError(message)
    return round(float(match.group(1)) * factor)


def bytes_text(n_bytes: float) -> str:
    """Return bytes for people: ``512 B``, ``18.4 MiB``, ``9.81 GiB``; 3 digits."""
    size = abs(n_bytes)
    for unit, factor in (("TiB", GIB * KIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        # 0.995 so that 1023.9 MiB reads "1.00 GiB" and not "1024 MiB".
        if size >= 0.995 * factor:
            value = n_bytes / factor
            return f"{value:.{_decimals(abs(value))}f} {unit}"
    return f"{n_bytes:.0f} B"


def duration_text(seconds: float) -> str:
    """Return seconds for people: ``8 s``, ``4 min 05 s``, ``2 h 10 min``, ``3 d 4 h``."""
    whole = max(0, round(seconds))
    minutes, rest_s = divmod(whole, 60)
    hours, rest_min = divmod(minutes, 60)
    days, rest_h = divmod(hours, 24)
    if days:
        return f"{days} d {rest_h} h"
    if hours:
        return f"{hours} h {rest_min:02d} min"
    if minutes:
        return f"{minutes} min {rest_s:02d} s"
    return f"{whole} s"


def rough_duration_text(seconds: float) -> str:
    """Return seconds for people, in no finer steps than a forecast deserves."""
    if seconds >= 86_400:
        return duration_text(round(seconds / 3_600) * 3_600)
    if seconds >= 3_600:
        return duration_text(round(seconds / 300) * 300)
    if seconds >= 600:
        return f"{round(seconds / 60)} min"
    whole = round(seconds / 10) * 10 if seconds >= 60 else max(1, math.ceil(seconds))
    return duration_text(whole).removesuffix(" 00 s")


def count_text(count: float) -> str:
    """Return a count for people: ``950``, ``12.3k``, ``135M``, ``8.03B``."""
    for unit, factor in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        # 0.9995 so that 999.9 million reads "1.00B" and not "1000M"
        if abs(count) >= 0.9995 * factor:
            value = count / factor
            return f"{value:.{_decimals(abs(value))}f}{unit}"
    if count == round(count):
        return f"{count:.0f}"
    return f"{count:.{_decimals(abs(count))}f}"


def _decimals(value: float) -> int:
    return 0 if value >= 100 else 1 if value >= 10 else 2
