"""What "Make it fit" would change, as it is shown."""

from __future__ import annotations

from dataclasses import dataclass

from app.setup.settings_view import value_text
from core.plan.fields import BY_KEY
from core.planner.advice import Fit
from core.units import bytes_text


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLine:
    """One thing "Make it fit" would change."""

    text: str
    saves: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferView:
    """What is offered, and how far the settings could go."""

    title: str
    changes: tuple[ChangeLine, ...]
    limits: str


def present_offer(offer: Fit | None) -> OfferView | None:
    """Return what is offered; None where nothing was asked."""
    if offer is None:
        return None
    return OfferView(
        title=_title(offer),
        changes=tuple(
            ChangeLine(
                text=(
                    f"{BY_KEY[change.field].explanation.label}:"
                    f" {value_text(change.before)} → {value_text(change.after)}"
                ),
                saves=f"saves {bytes_text(change.saves)}" if change.saves > 0 else "",
                why=change.why,
            )
            for change in offer.changes
        ),
        limits=_limits(offer),
    )


def _title(offer: Fit) -> str:
    if not offer.changes:
        if offer.estimate.fits:
            return "It fits as it is"
        return "No change of these settings makes this model fit."
    if not offer.estimate.fits:
        return "These changes help most, but are not enough."
    count = len(offer.changes)
    return "This change makes it fit" if count == 1 else "These changes make it fit"


def _limits(offer: Fit) -> str:
    parts: list[str] = []
    if offer.max_seq_len:
        parts.append(f"The longest sequence that fits: {offer.max_seq_len:,} tokens.")
    if offer.max_batch:
        parts.append(f"The largest batch: {offer.max_batch:,}.")
    return " ".join(parts)
