"""Model × method for one card, as it is shown: largest first that fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.fits.reckoning import best_price
from app.fits.state import COMPARED, FitsState, Price, Prices
from app.setup.words import METHOD_NAMES, TRAINABLE, plural, verdict_words
from app.widgets.grid_values import GridCell, GridRow
from core.estimate.answer import Verdict
from core.models.facts import ModelFacts
from core.plan.plan import MethodKind
from core.units import bytes_text, count_text

_ORDER: Final[dict[Verdict, int]] = {
    "fits": 0, "tight": 1, "fits-if-closed": 3, "unknown": 4, "too-large": 5
}  # fmt: skip
_CHECKPOINTED: Final = 2
_OLD: Final = "Figures of the question before; being worked out anew…"
_SHORT: Final[dict[MethodKind, str]] = {
    "lora": "LoRA", "qlora": "QLoRA", "lora8": "8-bit", "full": "Full"
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class GridView:
    """The whole table and what it comes to."""

    title: str
    columns: tuple[str, ...]
    kinds: tuple[MethodKind, ...]
    """The method behind each column after the first."""
    rows: tuple[GridRow, ...]
    summary: str
    empty_text: str


def present_grid(state: FitsState) -> GridView:
    """Return the models that match the filter, in the order of use."""
    kinds = COMPARED if state.compares_all else TRAINABLE
    found = [model for model in state.listed or () if not model.problem]
    found.sort(key=lambda model: _place(model, state.prices.get(model.id, {})))
    shown = [model for model in found if _matches(model, state)]
    card = state.judged
    return GridView(
        title=f"Models on {card.name}" if card else "Models",
        columns=("Model", *(_SHORT[kind] for kind in kinds), "Longest"),
        kinds=kinds,
        rows=tuple(_row(model, kinds, state) for model in shown),
        summary=_summary(found, state),
        empty_text="" if shown else _empty_text(state),
    )


def _place(model: ModelFacts, prices: Prices) -> tuple[int, int, str]:
    best = min((_rank(prices[kind]) for kind in TRAINABLE if kind in prices), default=6)
    return best, -(model.parameters or 0), model.id


def _rank(price: Price) -> int:
    return _CHECKPOINTED if price.checkpointed else _ORDER[price.as_set.verdict]


def largest_that_fits(state: FitsState) -> ModelFacts | None:
    """Return the largest model that fits with room by a method that can be trained."""
    found = [
        model
        for model in state.listed or ()
        if not model.problem and _place(model, state.prices.get(model.id, {}))[0] == 0
    ]
    return max(found, key=lambda model: model.parameters or 0, default=None)


def _matches(model: ModelFacts, state: FitsState) -> bool:
    query = state.query.lower()
    if query and not all(
        word in f"{model.id} {model.name} {model.architecture}".lower()
        for word in query.split()
    ):
        return False
    if state.shown == "here":
        return model.local
    if state.shown == "fits":
        return best_price(state.prices.get(model.id, {})) is not None
    return True


def _row(model: ModelFacts, kinds: tuple[MethodKind, ...], state: FitsState) -> GridRow:
    prices = state.prices.get(model.id, {})
    cells = (
        *(_cell(kind, prices.get(kind)) for kind in kinds),
        _longest(model, prices, state),
    )
    if (
        state.are_prices_old
    ):  # figures without a verdict, until they are of this question
        cells = tuple(GridCell(text=cell.text, tip=_OLD) for cell in cells)
    chosen = state.chosen is not None and state.chosen.id == model.id
    return GridRow(
        key=model.id,
        name=model.name,
        detail=count_text(model.parameters) if model.parameters else "",
        cells=cells,
        is_chosen=chosen,
    )


def _cell(kind: MethodKind, price: Price | None) -> GridCell:
    if price is None:
        return GridCell()
    words, tone = verdict_words(price.estimate)
    text = bytes_text(price.estimate.process)
    if price.checkpointed is not None:
        without = bytes_text(price.as_set.process)
        tip = (
            f"{METHOD_NAMES[kind]}: {words} with gradient checkpointing."
            f" {price.checkpointed.reason} Without it {without}, which is too much."
        )
        return GridCell(text=text, tone="accent", tip=tip)
    tip = f"{METHOD_NAMES[kind]}: {words}. {price.as_set.reason}"
    return GridCell(text=text, tone=tone, tip=tip)


def _longest(model: ModelFacts, prices: Prices, state: FitsState) -> GridCell:
    best = best_price(prices)
    if best is None:
        return GridCell(text="–" if prices else "", tip="Nothing fits as it is set.")
    length = state.longest.get(model.id)
    if length is None:
        return GridCell()
    batch = plural(state.plan.train.batch_size, "sequence")
    how = METHOD_NAMES[best.estimate.method]
    if best.checkpointed is not None:
        how += ", gradient checkpointing"
    return GridCell(
        text=f"{length:,}",
        tip=f"The longest that fits with {how} and {batch} at once: {length:,} tokens.",
    )


def _summary(found: list[ModelFacts], state: FitsState) -> str:
    if not state.prices:
        return ""
    if state.are_prices_old:
        return _OLD
    prices = [best_price(state.prices.get(model.id, {})) for model in found]
    fitting = [price for price in prices if price is not None]
    as_set = [price for price in fitting if price.checkpointed is None]
    lora = sum(price.estimate.method == "lora" for price in as_set)
    told = (
        f"{len(as_set)} of {plural(len(found), 'model')} fit with these settings:"
        f" {lora} by LoRA, {len(as_set) - lora} by QLoRA alone."
        if as_set
        else f"None of {plural(len(found), 'model')} fits with these settings."
    )
    more = len(fitting) - len(as_set)
    return f"{told} {more} more with gradient checkpointing." if more else told


def _empty_text(state: FitsState) -> str:
    if state.listed is None:
        return "Looking for models…"
    return "No model matches. Clear the filter to see all."
