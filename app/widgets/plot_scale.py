"""Axes and thinning of curves: plain numbers in, plain numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

_NICE: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From `low` to `high`, `low` being the smaller."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """The distance; never 0, so that it can be divided by."""
        return (self.high - self.low) or 1.0

    def share(self, value: float) -> float:
        """Return where `value` stands: 0 at `low`, 1 at `high`."""
        return (value - self.low) / self.width

    def padded(self, share: float) -> Span:
        """Return a span wider by `share` at either end; around a point, by 1/10."""
        room = (self.high - self.low) * share or abs(self.low) * 0.1 or 0.5
        return Span(low=self.low - room, high=self.high + room)


def nice_ticks(span: Span, count: int, *, whole: bool = False) -> list[float]:
    """Return round values within `span`, about `count` of them.

    Heckbert, "Nice numbers for graph labels", Graphics Gems (1990).
    """
    rough = span.width / max(1, count)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * nice for nice in _NICE if size * nice >= rough * 0.999)
    if whole:  # between two steps of a run there is none
        step = max(1.0, math.ceil(step))
    first = math.ceil(span.low / step - 1e-9)
    last = math.floor(span.high / step + 1e-9)
    return [round(at * step, 12) for at in range(first, last + 1)]


def log_ticks(span: Span, count: int) -> list[float]:
    """Return exponents of ten for round values within `span` of exponents."""
    whole = [float(e) for e in range(math.ceil(span.low), math.floor(span.high) + 1)]
    if len(whole) >= 2:
        stride = max(1, len(whole) // max(1, count))
        return whole[::stride]
    values = nice_ticks(Span(low=10**span.low, high=10**span.high), count)
    return [math.log10(value) for value in values if value > 0]


def tick_texts(ticks: Sequence[float]) -> list[str]:
    """Return `ticks` written alike, with as many digits as tell them apart."""
    step = ticks[1] - ticks[0] if len(ticks) > 1 else abs(ticks[0]) if ticks else 1.0
    largest = max((abs(tick) for tick in ticks), default=0.0)
    if largest and (largest < 2e-3 or largest >= 1e6):
        return [_power_text(tick) for tick in ticks]
    return [tick_text(tick, step) for tick in ticks]


def tick_text(value: float, step: float) -> str:
    """Return `value` with as many digits as ticks `step` apart need."""
    if value == 0:
        return "0"
    decimals = max(0, -math.floor(math.log10(abs(step) or 1.0) + 1e-9))
    if step and abs(step / 10.0**-decimals - round(step / 10.0**-decimals)) > 1e-6:
        decimals += 1  # a step of 2.5 needs one digit more than one of 2
    return f"{value:,.{min(decimals, 6)}f}"


def _power_text(value: float) -> str:
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def as_numbers(values: Sequence[float]) -> Numbers:
    """Return `values` as an array; without a copy where they are one already."""
    import numpy as np

    return np.asarray(values, dtype=float)


def visible(xs: Numbers, ys: Numbers, view: Span) -> tuple[Numbers, Numbers]:
    """Return the part of a curve over rising `xs` that `view` shows, and its ends."""
    import numpy as np

    first = max(0, int(np.searchsorted(xs, view.low, side="left")) - 1)
    last = min(len(xs), int(np.searchsorted(xs, view.high, side="right")) + 1)
    return xs[first:last], ys[first:last]


def thinned(
    xs: Numbers, ys: Numbers, view: Span, columns: int
) -> tuple[Numbers, Numbers]:
    """Return a curve that looks the same on `columns` pixels with two points a pixel.

    Least and greatest value of each pixel are kept, so no peak is lost.
    """
    import numpy as np

    if len(xs) <= 2 * columns:
        return xs, ys
    bins = np.floor((xs - view.low) / view.width * columns)
    starts = np.flatnonzero(np.diff(bins, prepend=-np.inf))
    least = np.fmin.reduceat(ys, starts)
    most = np.fmax.reduceat(ys, starts)
    thin_xs = np.repeat(xs[starts], 2)
    thin_ys = np.empty(2 * len(starts))
    thin_ys[0::2], thin_ys[1::2] = least, most
    return thin_xs, thin_ys


def extent(curves: Sequence[Numbers]) -> Span | None:
    """Return the least and the greatest finite value of all `curves`, or None."""
    import numpy as np

    parts = [curve[np.isfinite(curve)] for curve in curves]
    parts = [part for part in parts if len(part)]
    if not parts:
        return None
    return Span(
        low=min(float(part.min()) for part in parts),
        high=max(float(part.max()) for part in parts),
    )


def nearest(xs: Numbers, x: float) -> int:
    """Return the index of the value of rising `xs` that is nearest to `x`."""
    import numpy as np

    at = int(np.searchsorted(xs, x))
    if at == 0:
        return 0
    if at == len(xs):
        return at - 1
    return at if xs[at] - x < x - xs[at - 1] else at - 1
