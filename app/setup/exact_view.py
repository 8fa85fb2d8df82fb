"""What dry runs know of the draft, as it is shown in the Fit and the Start step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.setup.progress_view import Progress, progress_of
from app.setup.state import ExactState
from core.units import bytes_text

if TYPE_CHECKING:
    from app.theme.tokens import Tone

_FORMULA: Final = (
    "By the formula. A dry run acts the real training step out, without weights and"
    " without a graphics card."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactView:
    """The exact figure, or the way to it."""

    text: str
    tone: Tone
    button: str
    tip: str
    can_ask: bool
    is_running: bool
    progress: Progress | None


def present_exact(state: ExactState) -> ExactView:
    """Return what is known exactly, what is under way, and what can be asked."""
    text, tone = _text(state)
    is_known = state.tensors is not None
    return ExactView(
        text=text,
        tone=tone,
        button="Try again" if state.failure is not None else "Exact figure",
        tip="It is known already." if is_known else _tip(state),
        can_ask=state.can_run and not state.is_running and not is_known,
        is_running=state.is_running,
        progress=progress_of(state.work),
    )


def exact_line(state: ExactState) -> str:
    """Return the exact figure in a sentence where one is known, else nothing."""
    if state.tensors is None:
        return ""
    found = bytes_text(state.tensors)
    if not state.formula:
        return f"Dry run: {found} of tensors."
    off = state.tensors / state.formula - 1
    said = "the same" if abs(off) < 0.0005 else f"{off * 100:+.1f} %".replace("-", "−")
    return (
        f"Dry run: {found} of tensors; the formula says"
        f" {bytes_text(state.formula)} ({said})."
    )


def _text(state: ExactState) -> tuple[str, Tone]:
    if state.tensors is not None:
        return exact_line(state), "good"
    if state.failure is not None:
        failure = state.failure
        told = f"The dry run gave no figure. {failure.message} {failure.hint}".strip()
        if "formula" not in told:
            told += " The formula's figure stands."
        return told, "warn"
    if state.earlier is not None:
        then = bytes_text(state.earlier)
        return (
            f"Settings changed since the dry run ({then} of tensors then).",
            "neutral",
        )
    return _FORMULA, "neutral"


def _tip(state: ExactState) -> str:
    if not state.can_run:
        return state.why_not
    return (
        "Run the engine's own training step on tensors without numbers, in a process of"
        " its own. It takes some seconds and can be cancelled."
    )
