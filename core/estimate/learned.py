"""What finished runs on this machine teach: a correction, and bounds that hide no miss.

A run's figure stands beside what the formula alone says of its largest micro-batch, so
that short rows never look like an estimate that was too high. Few runs correct little
(shrinkage towards no correction, James and Stein 1961); bounds narrow only where runs of
the same device, family and method agree, and every miss of those runs stays inside them.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from core.plan.plan import MethodKind

# Raised whenever the formula's figures change: a miss of another formula teaches nothing.
FORMULA: Final = 1
# A single run, or two, may be luck: they never make a bound narrower.
ENOUGH_RUNS: Final = 3
# Runs whose prediction is further off than this factor weigh other things: a context of
# 300 MiB is a third of a tiny run and nothing beside a large one.
_LIKE_SIZE = 4.0
# As many runs as this count half: more of them where they are of another kind.
_OWN, _SAME_METHOD, _SAME_DEVICE = 3, 6, 12
# What was seen narrows the formula's own doubt by no more than this share.
_MOST_TRUST = 0.6
# Older runs of a group say nothing any more; there are drivers and libraries between.
_RECENT_RUNS = 100
# Memory ran out somewhere above what was counted: how far is not known.
_BEYOND_OUT_OF_MEMORY = 1.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One finished run on this machine: what was predicted, what was measured. Bytes.

    `predicted` and `measured` count what was allocated on a GPU and the growth of the
    process on a CPU. All predictions are the formula's own, without any correction, for
    the largest micro-batch the run really had.
    """

    run_id: str
    t: float
    """Unix seconds of its end."""
    device: str
    device_kind: Literal["cuda", "cpu"]
    family: str
    """The base model's architecture, as its config names it."""
    method: MethodKind
    predicted: int
    measured: int
    predicted_tokens_per_s: float | None = None
    tokens_per_s: float | None = None
    model: str = ""
    parameters: int = 0
    promised: int = 0
    """As `predicted`, corrected by what was known before the run; 0: not said."""
    promised_reserved: int | None = None
    promised_process: int | None = None
    promised_low: int | None = None
    promised_high: int | None = None
    predicted_reserved: int | None = None
    measured_reserved: int | None = None
    predicted_process: int | None = None
    measured_process: int | None = None
    """As the driver counts the process; None where it does not say."""
    low: int | None = None
    high: int | None = None
    """The formula's bounds of the process."""
    rows: int = 0
    """Sequences of the largest micro-batch."""
    width_tokens: int = 0
    """Their length with padding."""
    trained_tokens: int = 0
    """Those of its tokens that carry loss."""
    mean_tokens: float = 0.0
    """Mean length of the rows it learnt from."""
    gradient_checkpointing: bool = False
    steps: int = 0
    complete: bool = True
    """False: a lower bound. It ran out of memory, or its batches are not known."""
    out_of_memory: bool = False
    formula: int = FORMULA


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What the runs of one group say of a prediction.

    `low` and `high` are the smallest and largest measured / predicted − 1 as they were.
    """

    runs: int
    low: float
    high: float
    factor: float
    """By which the expected bytes are multiplied."""
    narrows: bool
    """Whether the runs are enough, and like enough, to make the bounds narrower."""
    text: str
    """``last 6 runs here: −1.2 … +2.1 %``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The expected peaks and the bounds of the process, in bytes."""

    allocated: int
    reserved: int
    process: int
    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """The runs a prediction is held against."""

    like: tuple[Outcome, ...]
    unlike: tuple[Outcome, ...]
    """Of quite another size."""
    half: int
    """As many runs as this count half."""
    own: bool
    """All of the same device, family and method."""


def learned(
    outcomes: Iterable[Outcome],
    *,
    device: str,
    family: str,
    method: MethodKind,
    size: int | None = None,
) -> Learned | None:
    """Return what `outcomes` say of a run on `device`, or None if they say nothing.

    The runs of the same device, family and method count; where those are fewer than
    three, all of the same device and method, then all of the same device.

    Args:
        outcomes: Finished runs, newest last; of each group the last hundred count.
        device: The device's name.
        family: The base model's architecture.
        method: The training method.
        size: The predicted bytes in question; runs of more than four times or less than
            a quarter of them neither correct nor narrow.
    """
    group = _group(outcomes, device, family, method, size)
    return None if group is None else _told(group)


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
    group = _group(outcomes, device, family, method, size)
    if group is None or raw.process <= 0:
        return raw, None
    told = _told(group)
    whole = _factor([_whole_ratio(one) for one in _counted(group.like)], group.half)
    process = round(raw.process * whole)
    low, high = _bounds(raw, process, group, narrows=told.narrows)
    if not on_gpu:  # the tensors are what they are; what lies around them is learnt
        allocated = min(raw.allocated, process)
        reserved = process - (raw.process - raw.reserved)
    else:
        allocated = min(round(raw.allocated * told.factor), process)
        reserved = raw.reserved + allocated - raw.allocated
    return Figures(
        allocated=allocated,
        reserved=min(max(reserved, allocated), process),
        process=process,
        low=low,
        high=high,
    ), told


# -- which runs count ------------------------------------------------------------------


def _group(
    outcomes: Iterable[Outcome],
    device: str,
    family: str,
    method: MethodKind,
    size: int | None,
) -> _Group | None:
    here = [one for one in outcomes if one.device == device and _is_sound(one)]
    same_method = [one for one in here if one.method == method]
    own = [one for one in same_method if one.family == family]
    recent = [level[-_RECENT_RUNS:] for level in (own, same_method, here)]
    levels = tuple(zip(recent, (_OWN, _SAME_METHOD, _SAME_DEVICE), strict=True))
    for level, half in levels:
        like = [one for one in level if _is_like(one, size)]
        if len(_counted(like)) >= ENOUGH_RUNS:
            return _parted(level, size, half, own=half == _OWN)
    for level, half in levels:
        if level:
            return _parted(level, size, half, own=half == _OWN)
    return None


def _parted(
    level: Sequence[Outcome], size: int | None, half: int, *, own: bool
) -> _Group:
    return _Group(
        like=tuple(one for one in level if _is_like(one, size)),
        unlike=tuple(one for one in level if not _is_like(one, size)),
        half=half,
        own=own,
    )


def _is_sound(one: Outcome) -> bool:
    return one.predicted > 0 and one.measured > 0 and one.formula == FORMULA


def _is_like(one: Outcome, size: int | None) -> bool:
    if size is None:
        return True
    return size <= one.predicted * _LIKE_SIZE and one.predicted <= size * _LIKE_SIZE


def _counted(runs: Iterable[Outcome]) -> list[Outcome]:
    """Return the runs that say where the peak was; a lower bound says so if it missed."""
    return [one for one in runs if one.complete or _ratio(one) > 1]


# -- ratios ----------------------------------------------------------------------------


def _ratio(one: Outcome) -> float:
    """Return measured over predicted, of what the allocator or the process counts."""
    return one.measured / one.predicted


def _whole(one: Outcome) -> tuple[float, float]:
    """Return predicted and measured bytes of the whole process.

    Where the driver does not tell the process, its predicted surroundings are taken.
    """
    predicted = one.predicted_process or one.predicted
    if one.measured_process is not None:
        return predicted, one.measured_process
    if one.measured_reserved is not None and one.predicted_reserved is not None:
        return predicted, one.measured_reserved + predicted - one.predicted_reserved
    return predicted, predicted * _ratio(one)


def _whole_ratio(one: Outcome) -> float:
    predicted, measured = _whole(one)
    return measured / predicted


def _factor(ratios: Sequence[float], half: int) -> float:
    """Return the geometric mean of `ratios`, drawn towards 1 as they are few."""
    if not ratios:
        return 1.0
    mean = sum(math.log(ratio) for ratio in ratios) / len(ratios)
    return math.exp(_trust(len(ratios), half) * mean)


def _trust(runs: int, half: int) -> float:
    return runs / (runs + half)


# -- bounds ----------------------------------------------------------------------------


def _bounds(
    raw: Figures, process: int, group: _Group, *, narrows: bool
) -> tuple[int, int]:
    """Return the bounds of the process: every miss of the group lies inside them."""
    seen = list(_seen(raw, group))
    least = min((low for low, _ in seen), default=math.inf)
    most = max((high for _, high in seen), default=0.0)
    if not narrows:
        low, high = min(raw.low, process), max(raw.high, process)
    else:
        trust = min(_MOST_TRUST, _trust(len(_counted(group.like)), group.half))
        below = _stretch(raw.low, raw.process) ** (1 - trust)
        above = _stretch(raw.high, raw.process) ** (1 - trust)
        low = math.floor(process * below * min(1.0, least / process) ** trust)
        high = math.ceil(process * above * max(1.0, most / process) ** trust)
    low = min(low, math.floor(least)) if least < math.inf else low
    return max(0, low), max(high, math.ceil(most))


def _stretch(bound: int, process: int) -> float:
    return max(bound, 1) / process


def _seen(raw: Figures, group: _Group) -> Iterator[tuple[float, float]]:
    """Give what each run of the group would mean here: bytes at least, bytes at most."""
    for one in (*group.like, *group.unlike):
        ratios = [_whole_ratio(one), _ratio(one)]
        if one.out_of_memory:
            ratios = [ratio * _BEYOND_OUT_OF_MEMORY for ratio in ratios]
        if one in group.unlike and _doubt(one) is not None:
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
    predicted, measured = _whole(one)
    doubt = _doubt(one)
    if doubt is None:
        return raw.process * measured / predicted
    below, above = doubt
    if measured < predicted:
        return raw.process - (predicted - measured) / below * (raw.process - raw.low)
    return raw.process + (measured - predicted) / above * (raw.high - raw.process)


# -- words -----------------------------------------------------------------------------


def _told(group: _Group) -> Learned:
    everyone = (*group.like, *group.unlike)
    counted = _counted(everyone)
    ratios = [_ratio(one) - 1 for one in counted]
    like = _counted(group.like)
    return Learned(
        runs=len(counted),
        low=min(ratios, default=0.0),
        high=max(ratios, default=0.0),
        factor=_factor([_ratio(one) for one in like], group.half),
        narrows=group.own and len(like) >= ENOUGH_RUNS,
        text=_text(ratios, sum(one.out_of_memory for one in everyone)),
    )


def _text(ratios: Sequence[float], out_of_memory: int) -> str:
    said: list[str] = []
    if len(ratios) == 1:
        said.append(f"last run here: {percent_text(ratios[0])}")
    elif ratios:
        least = percent_text(min(ratios)).removesuffix(" %")
        most = percent_text(max(ratios))
        said.append(f"last {len(ratios)} runs here: {least} … {most}")
    if out_of_memory:
        runs = "1 run" if out_of_memory == 1 else f"{out_of_memory} runs"
        said.append(f"{runs} here ran out of memory")
    return "; ".join(said)


def percent_text(share: float) -> str:
    """Return ``−1.2 %``, ``+2.1 %`` or ``0.0 %``."""
    value = round(100 * share, 1)
    sign = "−" if value < 0 else "+" if value > 0 else ""
    return f"{sign}{abs(value):.1f} %"
