"""An estimate as this machine's finished runs correct it, hiding no miss of theirs.

Few runs correct little (shrinkage towards no correction, James and Stein 1961); bounds
narrow only where runs of the same device, family and method agree, and every miss of the
group stays inside them.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.estimate.learned import (
    Group,
    Learned,
    Outcome,
    counted,
    factor_of,
    group_of,
    ratio_of,
    told,
    trust,
    whole,
    whole_ratio,
)
from core.plan.plan import MethodKind

# What was seen narrows the formula's own doubt by no more than this share.
_MOST_TRUST = 0.6
# Memory ran out somewhere above what was counted: how far is not known.
_BEYOND_OUT_OF_MEMORY = 1.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The expected peaks and the bounds of the process, in bytes."""

    allocated: int
    reserved: int
    process: int
    low: int
    high: int


def corrected(
    raw: Figures,
    outcomes: Iterable[Outcome],
    *,
    device: str,
    on_gpu: bool,
    family: str,
    method: MethodKind,
) -> tuple[Figures, Learned | None]:
    """Return the figures as this machine's runs correct them, and what those say.

    With fewer than three runs like it the upper bound is never below the formula's own,
    so that no verdict turns to “fits” because of them. A miss of a run of like size is
    kept as a share of the prediction; one of another size as a share of its own doubt.
    """
    size = raw.allocated if on_gpu else raw.process
    group = group_of(outcomes, device, family, method, size)
    if group is None or raw.process <= 0:
        return raw, None
    known = told(group)
    moved = factor_of([whole_ratio(one) for one in counted(group.like)], group.half)
    process = round(raw.process * moved)
    low, high = _bounds(raw, process, group, narrows=known.narrows)
    if not on_gpu:  # the tensors are what they are; what lies around them is learnt
        allocated = min(raw.allocated, process)
        reserved = process - (raw.process - raw.reserved)
    else:
        allocated = min(round(raw.allocated * known.factor), process)
        reserved = raw.reserved + allocated - raw.allocated
    return Figures(
        allocated=allocated,
        reserved=min(max(reserved, allocated), process),
        process=process,
        low=low,
        high=high,
    ), known


# -- bounds ----------------------------------------------------------------------------


def _bounds(
    raw: Figures, process: int, group: Group, *, narrows: bool
) -> tuple[int, int]:
    """Return the bounds of the process: every miss of the group lies inside them."""
    seen = list(_seen(raw, group))
    least = min((low for low, _ in seen), default=math.inf)
    most = max((high for _, high in seen), default=0.0)
    if not narrows:
        low, high = min(raw.low, process), max(raw.high, process)
    else:
        seen_share = min(_MOST_TRUST, trust(len(counted(group.like)), group.half))
        below = _stretch(raw.low, raw.process) ** (1 - seen_share)
        above = _stretch(raw.high, raw.process) ** (1 - seen_share)
        low = math.floor(process * below * min(1.0, least / process) ** seen_share)
        high = math.ceil(process * above * max(1.0, most / process) ** seen_share)
    low = min(low, math.floor(least)) if least < math.inf else low
    return max(0, low), max(high, math.ceil(most))


def _stretch(bound: int, process: int) -> float:
    return max(bound, 1) / process


def _seen(raw: Figures, group: Group) -> Iterator[tuple[float, float]]:
    """Give what each run of the group would mean here: bytes at least, bytes at most."""
    like = ((one, False) for one in group.like)
    unlike = ((one, True) for one in group.unlike)
    for one, of_other_size in (*like, *unlike):
        ratios = [whole_ratio(one), ratio_of(one)]
        if one.out_of_memory:
            ratios = [ratio * _BEYOND_OUT_OF_MEMORY for ratio in ratios]
        if of_other_size and _doubt(one) is not None:
            carried = _carried(raw, one)
            yield (carried if one.complete else math.inf), carried
        else:
            least = min(ratios) if one.complete else math.inf
            yield raw.process * least, raw.process * max(ratios)


def _doubt(one: Outcome) -> tuple[float, float] | None:
    """Return how far the formula's bounds lay below and above its prediction."""
    predicted = one.predicted_process or one.predicted
    if one.low is None or one.high is None or not one.low < predicted < one.high:
        return None
    return predicted - one.low, one.high - predicted


def _carried(raw: Figures, one: Outcome) -> float:
    """Return the miss of a run of another size, as a share of its doubt, in bytes here."""
    predicted, measured = whole(one)
    doubt = _doubt(one)
    if doubt is None:
        return raw.process * measured / predicted
    below, above = doubt
    if measured < predicted:
        return raw.process - (predicted - measured) / below * (raw.process - raw.low)
    return raw.process + (measured - predicted) / above * (raw.high - raw.process)
