"""How long rows are, in tokens: percentiles, a histogram, and the length worth choosing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_MOST_BARS = 40
_STEP_TOKENS = 64
"""Suggested lengths are multiples of this: kernels like them, people remember them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFigures:
    """Tokens a row: percentiles by nearest rank, the longest, and the sum."""

    p50: int
    p90: int
    p99: int
    max: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """``counts[i]`` rows have from ``edges[i]`` to below ``edges[i + 1]`` tokens."""

    edges: tuple[int, ...]
    counts: tuple[int, ...]


def figures(lengths: Sequence[int]) -> TokenFigures:
    """Return the figures of `lengths`; all zero if there are none."""
    ordered = sorted(lengths)
    return TokenFigures(
        p50=percentile(ordered, 0.50),
        p90=percentile(ordered, 0.90),
        p99=percentile(ordered, 0.99),
        max=ordered[-1] if ordered else 0,
        total=sum(ordered),
    )


def percentile(ordered: Sequence[int], share: float) -> int:
    """Return the smallest length that at least `share` of the rows do not exceed."""
    if not ordered:
        return 0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def keeps(lengths: Sequence[int], share: float) -> int | None:
    """Return the `seq_len` that keeps `share` of the rows whole; None without rows."""
    if not lengths:
        return None
    whole = percentile(sorted(lengths), share)
    return max(1, math.ceil(whole / _STEP_TOKENS)) * _STEP_TOKENS


def histogram(lengths: Sequence[int]) -> Histogram | None:
    """Return at most 40 bars of one round width; None without rows."""
    if not lengths:
        return None
    width = 4
    while (max(lengths) + 1) / width > _MOST_BARS:
        width *= 2
    counts = [0] * (max(lengths) // width + 1)
    for length in lengths:
        counts[length // width] += 1
    edges = tuple(number * width for number in range(len(counts) + 1))
    return Histogram(edges=edges, counts=tuple(counts))
