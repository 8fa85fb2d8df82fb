"""How runs are spoken of: states, methods, times and durations, as plain text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Final, Literal

from app.theme.tokens import Tone
from core.plan.plan import MethodKind, Plan
from core.runs.folder import RunStatus
from core.units import count_text

Shape = Literal["dot", "check", "triangle", "cross", "ring", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusLook:
    """A run's state as a word, a tone and a shape, none of which stands alone."""

    text: str
    tone: Tone
    shape: Shape
    tip: str


STATUS_LOOKS: Final[dict[RunStatus, StatusLook]] = {
    "queued": StatusLook(
        text="Starting", tone="neutral", shape="ring",
        tip="The engine has been started and has not reported yet.",
    ),
    "running": StatusLook(
        text="Running", tone="accent", shape="dot", tip="The engine is at work."
    ),
    "paused": StatusLook(
        text="Paused", tone="neutral", shape="ring",
        tip="Everything is saved and the device is free. Resume goes on from here.",
    ),
    "done": StatusLook(
        text="Done", tone="good", shape="check", tip="The run ended as planned."
    ),
    "stopped": StatusLook(
        text="Stopped", tone="neutral", shape="none", tip="Somebody ended it early."
    ),
    "failed": StatusLook(
        text="Failed", tone="bad", shape="cross", tip="The engine could not go on."
    ),
    "interrupted": StatusLook(
        text="Interrupted", tone="warn", shape="triangle",
        tip="The engine vanished: a crash, a restart or a kill. Resume goes on from"
        " the last checkpoint.",
    ),
}  # fmt: skip

METHOD_NAMES: Final[dict[MethodKind, str]] = {
    "lora": "LoRA",
    "qlora": "QLoRA",
    "lora8": "8-bit LoRA",
    "full": "Full fine-tuning",
}


def model_name(plan: Plan) -> str:
    """Return a short name of the plan's base model."""
    if plan.model.id == "starter":
        return "SmolLM2-135M-Instruct"
    return PurePath(plan.model.id.replace("\\", "/")).name or "No model"


def method_text(plan: Plan) -> str:
    """Return the method with its rank: ``QLoRA, rank 16``."""
    name = METHOD_NAMES[plan.method.kind]
    return f"{name}, rank {plan.method.rank}" if plan.method.has_adapter else name


def rate_text(per_s: float) -> str:
    """Return a rate with three digits at most: ``416``, ``9.4``, ``12.3k``."""
    return count_text(round(per_s, 1) if per_s < 10 else round(per_s))


def speed_text(tokens_per_s: float) -> str:
    """Return a speed with its unit: ``416 tokens/s``."""
    return f"{rate_text(tokens_per_s)} tokens/s"


def when_text(t: float, *, now: float) -> str:
    """Return a moment as people say it: ``today 14:02``, ``12 Nov``, ``3 Jan 2025``."""
    if not t:
        return ""
    then = datetime.fromtimestamp(t).astimezone()
    today = datetime.fromtimestamp(now).astimezone()
    clock = f"{then.hour:02d}:{then.minute:02d}"
    if then.date() == today.date():
        return f"today {clock}"
    if then.date() == (today - timedelta(days=1)).date():
        return f"yesterday {clock}"
    # Month names of our own: strftime's follow the desktop's language, ours do not.
    month = _MONTHS[then.month - 1]
    if then.year == today.year:
        return f"{then.day} {month}"
    return f"{then.day} {month} {then.year}"


_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
