"""The cheapest change that fits: a search over every combination of the knobs.

Combinations are tried from the cheapest on (Dijkstra 1959, over the lattice of the
knobs' settings; each step makes a plan leaner and dearer), so the first that fits is
the best. What makes it quick is that memory falls with every step: a combination that
does not fit rules out all that are nowhere leaner, and how far each knob must at least
be turned is found with all the others at their leanest. That leaves some 20-60
estimates of tens of thousands of combinations.
"""

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from core.hardware.budget import DeviceBudget, card_budget
from core.hardware.cards import card_of, find_card
from core.models.shape import ModelShape
from core.plan.plan import Plan
from core.planner.forecast import reference_tokens_per_s
from core.planner.knobs import Knob, turned

Place = tuple[int, ...]
"""One combination: the number of a setting for every knob."""

# Knobs whose turning makes the steps slower; the others do not, or hardly.
_SLOWING = {
    "train.attention",
    "train.gradient_checkpointing",
    "train.batch_size",
    "method.kind",
}
_CHEAP = {
    "method.compute_dtype",
    "train.attention",
    "train.gradient_checkpointing",
    "train.batch_size",
    "method.double_quant",
    "train.optimizer",
}
# Which change is the slower hardly depends on the card; where its rates are not known,
# those of a middling one decide.
_STAND_IN = "GeForce RTX 4070"
_MOST_TRIES = 400


@dataclass(slots=True)
class Search:
    """One search. `fits` is asked as seldom as can be."""

    plan: Plan
    knobs: Sequence[Knob]
    fits: Callable[[Plan], bool]
    slowness: Callable[[Plan], float]
    """How much longer a token takes than wished, in ln; 0 for the wish."""
    _failed: list[Place] = field(default_factory=list[Place])
    _held: set[Place] = field(default_factory=set[Place])
    _slow: dict[Place, float] = field(default_factory=dict[Place, float])
    _tries: int = 0

    def best(self) -> Place | None:
        """Return the cheapest combination that fits; None if not even a leanest does."""
        leanest = tuple(len(knob.settings) - 1 for knob in self.knobs)
        if not self._holds(leanest):
            return self._odd(leanest)
        start = tuple(self._least(index, leanest) for index in range(len(self.knobs)))
        found = self._cheapest_from(start) or self._walked_back(leanest)
        return self._without_the_needless(found)

    def at(self, place: Place) -> Plan:
        """Return the plan of a combination."""
        plan = self.plan
        for knob, number in zip(self.knobs, place, strict=True):
            if number:
                plan = turned(plan, knob.key, knob.settings[number].value)
        return plan

    def cost(self, place: Place) -> float:
        """Return what a combination costs: quality, and time where it takes more."""
        quality = sum(
            knob.settings[number].price
            for knob, number in zip(self.knobs, place, strict=True)
        )
        return quality + self._slowness(place)

    def _least(self, index: int, leanest: Place) -> int:
        """Return the first setting of one knob that can fit at all."""
        low, high = 0, leanest[index]
        while low < high:
            middle = (low + high) // 2
            if self._holds((*leanest[:index], middle, *leanest[index + 1 :])):
                high = middle
            else:
                low = middle + 1
        return low

    def _cheapest_from(self, start: Place) -> Place | None:
        heap, seen = [(self.cost(start), start)], {start}
        while heap and self._tries < _MOST_TRIES:
            _, place = heapq.heappop(heap)
            if self._holds(self._leaned(place)) and self._holds(place):
                return place
            for index, knob in enumerate(self.knobs):
                if place[index] + 1 == len(knob.settings):
                    continue
                after = (*place[:index], place[index] + 1, *place[index + 1 :])
                if after not in seen:
                    seen.add(after)
                    heapq.heappush(heap, (self.cost(after), after))
        return None

    def _odd(self, leanest: Place) -> Place | None:
        """Return a combination that fits though the leanest does not, or None.

        Of the smallest models four bits and their scales can need more than 16 bits.
        """
        for index in range(len(self.knobs)):
            place = (*leanest[:index], 0, *leanest[index + 1 :])
            if leanest[index] and self.fits(self.at(place)):
                return self._without_the_needless(place)
        return None

    def _without_the_needless(self, place: Place) -> Place:
        """Return `place` with every knob turned back that need not be turned.

        The search relies on memory falling with each step; where once it does not, a
        change could be left that saves nothing. The dearest are tried first.
        """
        for index in self._dearest_first(place):
            undone = (*place[:index], 0, *place[index + 1 :])
            if place[index] and self.fits(self.at(undone)):
                return self._without_the_needless(undone)
        return place

    def _dearest_first(self, place: Place) -> list[int]:
        return sorted(
            range(len(self.knobs)),
            key=lambda index: -self.knobs[index].settings[place[index]].price,
        )

    def _leaned(self, place: Place) -> Place:
        """Return `place` with all that costs no quality at its leanest.

        If that does not fit, one estimate has ruled out the whole family.
        """
        return tuple(
            len(knob.settings) - 1 if knob.key in _CHEAP else number
            for knob, number in zip(self.knobs, place, strict=True)
        )

    def _walked_back(self, place: Place) -> Place:
        """Return `place` with each knob turned back as far as the others let it.

        For wishes with so many combinations that the search would take too long.
        """
        for index in self._dearest_first(place):
            place = (*place[:index], self._least(index, place), *place[index + 1 :])
        return place

    def _holds(self, place: Place) -> bool:
        if place in self._held:
            return True
        for failed in self._failed:
            if all(a <= b for a, b in zip(place, failed, strict=True)):
                return False
        self._tries += 1
        if self.fits(self.at(place)):
            self._held.add(place)
            return True
        self._failed = [
            one
            for one in self._failed
            if not all(a <= b for a, b in zip(one, place, strict=True))
        ]
        self._failed.append(place)
        return False

    def _slowness(self, place: Place) -> float:
        slowing = tuple(
            number if knob.key in _SLOWING else 0
            for knob, number in zip(self.knobs, place, strict=True)
        )
        if slowing not in self._slow:
            self._slow[slowing] = max(0.0, self.slowness(self.at(slowing)))
        return self._slow[slowing]


def slowness(
    wish: Plan, shape: ModelShape, budget: DeviceBudget
) -> Callable[[Plan], float]:
    """Return how much longer a token takes than under `wish`, as a logarithm."""
    if budget.kind == "cuda" and card_of(budget.name, budget.total) is None:
        budget = card_budget(find_card(_STAND_IN))
    wished = reference_tokens_per_s(wish, shape, budget)

    def slower(plan: Plan) -> float:
        rate = reference_tokens_per_s(plan, shape, budget)
        return math.log(wished / rate) if wished and rate else 0.0

    return slower
