"""Undo and redo over plans: a plan is a frozen value, so history is two stacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from core.plan.fields import changed_keys
from core.plan.plan import Plan

_MOST: Final = 200  # a plan is under 1 KiB; nobody walks back further


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The plan of now, those before it and those undone."""

    now: Plan
    past: tuple[Plan, ...] = ()
    future: tuple[Plan, ...] = ()

    @property
    def can_undo(self) -> bool:
        """Whether there is a plan to go back to."""
        return bool(self.past)

    @property
    def can_redo(self) -> bool:
        """Whether something was undone."""
        return bool(self.future)

    def edited(self, plan: Plan, *, merges: bool = False) -> History:
        """Return the history after an edit; the same plan is no edit.

        Args:
            plan: The draft after the edit.
            merges: Edits of one number in a row (a slider being dragged) are one step
                back.
        """
        if plan == self.now:
            return self
        past = (*self.past, self.now)[-_MOST:]
        follows = merges and self.past and not self.future
        if follows and _one_number(self.past[-1], self.now, plan):
            past = self.past
        return History(now=plan, past=past)

    def undone(self) -> History:
        """Return the history one step back; itself if there is none."""
        if not self.past:
            return self
        return History(
            now=self.past[-1], past=self.past[:-1], future=(self.now, *self.future)
        )

    def redone(self) -> History:
        """Return the history one step forward again; itself if there is none."""
        if not self.future:
            return self
        return History(
            now=self.future[0], past=(*self.past, self.now), future=self.future[1:]
        )


def _one_number(before: Plan, now: Plan, after: Plan) -> bool:
    last = changed_keys(now, before)
    this = changed_keys(after, now)
    return len(this) == 1 and last == this and this[0] in _DRAGGED


_DRAGGED: Final = frozenset({
    "data.eval_fraction",
    "method.rank",
    "train.batch_size",
    "train.gradient_accumulation",
    "train.seq_len",
})  # fmt: skip
