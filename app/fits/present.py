"""The page as it is shown, part by part. Pure; no Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from app.fits.answer_view import AnswerView, present_answer
from app.fits.cards_view import CardsView, present_cards
from app.fits.figures_view import FiguresView, present_figures
from app.fits.grid_view import GridView, present_grid
from app.fits.heat_view import HeatView, present_heat
from app.fits.question_view import QuestionView, present_question
from app.fits.state import FitsState

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True, kw_only=True)
class FitsView:
    """Everything the page shows."""

    question: QuestionView
    answer: AnswerView
    heat: HeatView | None
    figures: FiguresView | None
    cards: CardsView | None
    grid: GridView


class Presenter:
    """Presents a state, making anew only the parts whose inputs are others.

    A slider that moves changes the bars at once and a table of a hundred models only
    when that is priced again.
    """

    def __init__(self) -> None:
        self._known: dict[object, tuple[tuple[object, ...], object]] = {}

    def present(self, state: FitsState) -> FitsView:
        """Return the page for `state`."""
        asked = (state.plan, state.chosen, state.shape, state.judged)
        failed = (state.failure, state.model_failure, state.device_failure)
        question = (*asked, *failed, state.listed, state.budget, state.device_key)
        compared = state.compares_all
        answer = (state.estimates, state.forecast, state.exact, state.offer, compared)
        priced = (state.listed, state.judged, state.prices, state.are_prices_old)
        filtered = (state.query, state.shown, state.chosen, state.longest, compared)
        part = self._part
        return FitsView(
            question=part(present_question, state, (*question, state.model_text)),
            answer=part(present_answer, state, (*question, *answer)),
            heat=part(present_heat, state, (*asked, state.cells)),
            figures=part(present_figures, state, (state.formulas, state.uses)),
            cards=part(present_cards, state, (state.cards, state.device_key)),
            grid=part(present_grid, state, (*priced, *filtered)),
        )

    def _part(
        self,
        made: Callable[[FitsState], Part],
        state: FitsState,
        inputs: tuple[object, ...],
    ) -> Part:
        known = self._known.get(made)
        if known is not None and _same(known[0], inputs):
            return cast("Part", known[1])
        part = made(state)
        self._known[made] = (inputs, part)
        return part


def _same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """Return whether both hold the same objects: no table is ever compared."""
    return all(a is b for a, b in zip(one, other, strict=True))
