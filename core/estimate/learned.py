"""What finished runs on this machine say of a prediction.

A run's figure stands beside what the formula alone says of its largest micro-batch, so
that short rows never look like an estimate that was too high. `core.estimate.corrected`
applies what was learnt.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from core.plan.plan import MethodKind

# Raised whenever the formula's figures change: a miss of another formula teaches nothing.
FORMULA: Final = 3
# A single run, or two, may be luck: they never make a bound narrower.
ENOUGH_RUNS: Final = 3
# Runs whose prediction is further off than this factor weigh other things: a context of
# 300 MiB is a third of a tiny run and nothing beside a large one.
_LIKE_SIZE = 4.0
# As many runs as this count half: more of them where they are of another kind.
_OWN, _SAME_METHOD, _SAME_DEVICE = 3, 6, 12
# Older runs of a group say nothing any more; there are drivers and libraries between.
_RECENT_RUNS = 100


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
class Group:
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
    group = group_of(outcomes, device, family, method, size)
    return None if group is None else told(group)


# -- which runs count ------------------------------------------------------------------


def group_of(
    outcomes: Iterable[Outcome],
    device: str,
    family: str,
    method: MethodKind,
    size: int | None,
) -> Group | None:
    """Return the runs that count for a prediction; see `learned`. None: there are none."""
    here = [one for one in outcomes if one.device == device and _is_sound(one)]
    same_method = [one for one in here if one.method == method]
    own = [one for one in same_method if one.family == family]
    recent = [level[-_RECENT_RUNS:] for level in (own, same_method, here)]
    levels = tuple(zip(recent, (_OWN, _SAME_METHOD, _SAME_DEVICE), strict=True))
    for level, half in levels:
        like = [one for one in level if _is_like(one, size)]
        if len(counted(like)) >= ENOUGH_RUNS:
            return _parted(level, size, half, own=half == _OWN)
    for level, half in levels:
        if level:
            return _parted(level, size, half, own=half == _OWN)
    return None


def _parted(
    level: Sequence[Outcome], size: int | None, half: int, *, own: bool
) -> Group:
    return Group(
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


def counted(runs: Iterable[Outcome]) -> list[Outcome]:
    """Return the runs that say where the peak was; a lower bound says so if it missed."""
    return [one for one in runs if one.complete or ratio_of(one) > 1]


# -- ratios ----------------------------------------------------------------------------


def ratio_of(one: Outcome) -> float:
    """Return measured over predicted, of what the allocator or the process counts."""
    return one.measured / one.predicted


def whole(one: Outcome) -> tuple[float, float]:
    """Return predicted and measured bytes of the whole process.

    Where the driver does not tell the process, its predicted surroundings are taken.
    """
    predicted = one.predicted_process or one.predicted
    if one.measured_process is not None:
        return predicted, one.measured_process
    if one.measured_reserved is not None and one.predicted_reserved is not None:
        return predicted, one.measured_reserved + predicted - one.predicted_reserved
    return predicted, predicted * ratio_of(one)


def whole_ratio(one: Outcome) -> float:
    """Return measured over predicted of the whole process."""
    predicted, measured = whole(one)
    return measured / predicted


def factor_of(ratios: Sequence[float], half: int) -> float:
    """Return the geometric mean of `ratios`, drawn towards 1 as they are few."""
    if not ratios:
        return 1.0
    mean = sum(math.log(ratio) for ratio in ratios) / len(ratios)
    return math.exp(trust(len(ratios), half) * mean)


def trust(runs: int, half: int) -> float:
    """Return how far so many runs are believed: a half where they are `half`."""
    return runs / (runs + half)


# -- words -----------------------------------------------------------------------------


def told(group: Group) -> Learned:
    """Return what the runs of `group` say, in figures and words."""
    everyone = (*group.like, *group.unlike)
    ratios = [ratio_of(one) - 1 for one in counted(everyone)]
    like = counted(group.like)
    return Learned(
        runs=len(ratios),
        low=min(ratios, default=0.0),
        high=max(ratios, default=0.0),
        factor=factor_of([ratio_of(one) for one in like], group.half),
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
