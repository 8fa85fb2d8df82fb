"""What Home says: pure, no Qt."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from app.glance import DeviceGlance, short_device_name
from app.training.reading import change_text, loss_text
from core.errors import TunesmithError
from core.hardware.doctor import DoctorProblem
from core.library.record import AdapterRecord
from core.models.starter import STARTER_ID, STARTER_NAME
from core.units import GIB, bytes_text, duration_text

if TYPE_CHECKING:
    from app.services import RunGlance
    from app.theme.tokens import Tone

_MOST_ADAPTERS: Final = 6
_MOST_RUNNING: Final = 4
_MOST_ENDED: Final = 4
_MOST_ATTENTION: Final = 4
_ENDS: Final[dict[str, tuple[str, Tone]]] = {
    "done": ("Done", "good"),
    "stopped": ("Stopped", "neutral"),
    "failed": ("Failed", "bad"),
    "interrupted": ("Interrupted", "warn"),
}
_RECENT_S: Final = 14 * 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeState:
    """Everything Home knows; None where it has not looked yet."""

    runs: tuple[RunGlance, ...] | None = None
    adapters: tuple[AdapterRecord, ...] | None = None
    device: DeviceGlance | None = None
    problems: tuple[DoctorProblem, ...] = ()
    demo: DemoWork | None = None
    failure: TunesmithError | None = None
    now: float = 0.0
    """Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoWork:
    """How far the first training's preparation is."""

    what: str
    done: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCard:
    """One run that works or waits."""

    run_id: str
    name: str
    badge: str
    tone: Tone
    detail: str
    fraction: float | None
    spark: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterCard:
    """One adapter made lately."""

    adapter_id: str
    name: str
    base: str
    gain: str
    """What the training changed, in words."""
    gain_tip: str
    tone: Tone
    when: str
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Something the person should look at, and the page where it is mended."""

    tone: Tone
    title: str
    text: str
    action: str
    page: str
    argument: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A name, words, and how full it is (0 to 1)."""

    name: str
    words: str
    fraction: float
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeView:
    """What Home shows."""

    is_ready: bool
    is_first: bool
    title: str
    subtitle: str
    running: tuple[RunCard, ...] = ()
    recent: tuple[RunCard, ...] = ()
    adapters: tuple[AdapterCard, ...] = ()
    attention: tuple[Attention, ...] = ()
    meters: tuple[Meter, ...] = ()
    can_start_demo: bool = True
    demo_what: str = ""
    demo_fraction: float | None = None
    demo_detail: str = ""
    failure_title: str = ""
    failure_text: str = ""


def present(state: HomeState) -> HomeView:
    """Return what Home shows of `state`."""
    runs = state.runs or ()
    adapters = state.adapters or ()
    ready = state.runs is not None and state.adapters is not None
    is_first = ready and not runs and not adapters
    title, subtitle = _greeting(runs, is_first=is_first) if ready else ("Home", "")
    view = HomeView(
        is_ready=ready,
        is_first=is_first,
        title=title,
        subtitle=subtitle,
        running=tuple(_run_card(run) for run in _working(runs)[:_MOST_RUNNING]),
        recent=tuple(_ended_card(run, state.now) for run in _ended(runs)[:_MOST_ENDED]),
        adapters=tuple(
            _adapter_card(one, state.now) for one in _newest(adapters)[:_MOST_ADAPTERS]
        ),
        attention=_attention(state),
        meters=_meters(state.device),
        can_start_demo=state.demo is None,
        failure_title=state.failure.message if state.failure else "",
        failure_text=state.failure.hint if state.failure else "",
    )
    return _with_demo(view, state.demo)


def _with_demo(view: HomeView, demo: DemoWork | None) -> HomeView:
    if demo is None:
        return view
    fraction = demo.done / demo.total if demo.total else None
    detail = f"{fraction:.0%}" if fraction is not None else ""
    return replace(
        view, demo_what=demo.what, demo_fraction=fraction, demo_detail=detail
    )


def _greeting(runs: Sequence[RunGlance], *, is_first: bool) -> tuple[str, str]:
    if is_first:
        return (
            "Welcome to Tunesmith",
            "Teach a language model to do your thing, on your own machine.",
        )
    running = sum(run.status == "running" for run in runs)
    if running == 1:
        return "Home", "One training is running."
    if running:
        return "Home", f"{running} trainings are running."
    return "Home", "Nothing is running. The device is free."


def _working(runs: Sequence[RunGlance]) -> list[RunGlance]:
    return [run for run in runs if run.status in ("running", "queued", "paused")]


def _run_card(run: RunGlance) -> RunCard:
    words: dict[str, tuple[str, Tone]] = {
        "running": ("Running", "accent"),
        "queued": ("Waiting", "neutral"),
        "paused": ("Paused", "warn"),
    }
    badge, tone = words[run.status]
    parts = [run.phase] if run.phase and run.phase != "training" else []
    if run.steps:
        parts.append(f"step {run.step} of {run.steps}")
    if run.seconds_left is not None and run.status == "running":
        parts.append(f"{duration_text(run.seconds_left)} left")
    if run.eval_loss is not None:
        parts.append(f"held-out loss {loss_text(run.eval_loss)}")
    return RunCard(
        run_id=run.run_id,
        name=run.name,
        badge=badge,
        tone=tone,
        detail="  ·  ".join(parts) or "starting",
        fraction=run.step / run.steps if run.steps else None,
        spark=run.spark,
    )


def _ended(runs: Sequence[RunGlance]) -> list[RunGlance]:
    return [run for run in runs if run.status in _ENDS]


def _ended_card(run: RunGlance, now: float) -> RunCard:
    badge, tone = _ENDS[run.status]
    parts = [when_text(run.created, now)]
    if run.eval_loss is not None:
        parts.append(f"held-out loss {loss_text(run.eval_loss)}")
    if run.steps:
        parts.append(f"{run.step} of {run.steps} steps")
    return RunCard(
        run_id=run.run_id,
        name=run.name,
        badge=badge,
        tone=tone,
        detail="  ·  ".join(parts),
        fraction=None,
        spark=run.spark,
    )


def _newest(adapters: Sequence[AdapterRecord]) -> list[AdapterRecord]:
    return sorted(adapters, key=lambda one: one.created, reverse=True)


def _adapter_card(record: AdapterRecord, now: float) -> AdapterCard:
    gain, tone = _gain(record)
    return AdapterCard(
        adapter_id=record.adapter_id,
        name=record.name,
        base=base_name(record.base_model),
        gain=gain,
        gain_tip=record.problem or _gain_tip(record),
        tone=tone,
        when=when_text(record.created, now),
        problem=record.problem,
    )


def _gain(record: AdapterRecord) -> tuple[str, Tone]:
    before, after = record.eval_loss_before, record.eval_loss
    if not record.ok:
        return "Damaged", "bad"
    if before is None or after is None or before <= 0:
        return "Loss not measured", "neutral"
    change = change_text(before, after)
    words = f"Loss {loss_text(before)} → {loss_text(after)}, {change}"
    return words, "good" if after < 0.995 * before else "warn"


def _gain_tip(record: AdapterRecord) -> str:
    if record.eval_loss_before is None or record.eval_loss is None:
        return "No rows were held out, so nobody knows whether it got better."
    return (
        f"Held-out loss, in nats per token: {record.eval_loss_before:.3f} before the"
        f" training, {record.eval_loss:.3f} after. Lower is better."
    )


def base_name(base_model: str) -> str:
    """Return the last part of an id or path: what a person calls the model."""
    if base_model == STARTER_ID:
        return STARTER_NAME
    return base_model.replace("\\", "/").rstrip("/").rpartition("/")[2] or base_model


def when_text(created: float, now: float) -> str:
    """Return how long ago `created` is, in words; a date beyond a month."""
    age_s = max(0.0, now - created)
    if age_s < 90:
        return "just now"
    if age_s < 3600:
        return f"{age_s / 60:.0f} minutes ago"
    if age_s < 2 * 3600:
        return "an hour ago"
    if age_s < 24 * 3600:
        return f"{age_s / 3600:.0f} hours ago"
    if age_s < 48 * 3600:
        return "yesterday"
    if age_s < 31 * 24 * 3600:
        return f"{age_s / 86400:.0f} days ago"
    return time.strftime("%d %B %Y", time.localtime(created))


def _attention(state: HomeState) -> tuple[Attention, ...]:
    found: list[Attention] = []
    for run in state.runs or ():
        if state.now - run.created > _RECENT_S:
            continue
        if run.status == "interrupted":
            found.append(_interrupted(run))
        elif run.status == "failed":
            found.append(_failed(run))
    for problem in state.problems:
        if problem.level == "info":
            continue
        found.append(
            Attention(
                tone="bad" if problem.level == "error" else "warn",
                title=problem.message,
                text=problem.hint,
                action="Open the doctor",
                page="settings",
                argument="doctor",
            )
        )
    damaged = [one for one in state.adapters or () if not one.ok]
    found += [_damaged(one) for one in damaged]
    found.sort(key=lambda one: one.tone != "bad")
    return tuple(found[:_MOST_ATTENTION])


def _interrupted(run: RunGlance) -> Attention:
    return Attention(
        tone="warn",
        title=f"{run.name} was interrupted at step {run.step} of {run.steps or '?'}.",
        text="Everything up to its last checkpoint is safe. Resume it from there.",
        action="Open the run",
        page="runs",
        argument=run.run_id,
    )


def _failed(run: RunGlance) -> Attention:
    return Attention(
        tone="bad",
        title=f"{run.name} failed.",
        text=run.problem or "The run's page says why and what to do.",
        action="Open the run",
        page="runs",
        argument=run.run_id,
    )


def _damaged(record: AdapterRecord) -> Attention:
    return Attention(
        tone="warn",
        title=f"The adapter {record.name} is damaged.",
        text=record.problem,
        action="Open the library",
        page="library",
        argument=record.adapter_id,
    )


def _meters(device: DeviceGlance | None) -> tuple[Meter, ...]:
    if device is None:
        return ()
    used = device.total - device.free
    memory = Meter(
        name="Graphics memory" if device.is_gpu else "Memory",
        words=f"{device.free / GIB:.1f} of {device.total / GIB:.1f} GiB free",
        fraction=used / device.total if device.total else 0.0,
        tip=f"{short_device_name(device.name)}: what a training could use now.",
    )
    disk = Meter(
        name="Disk",
        words=f"{bytes_text(device.disk_free)} free",
        fraction=_disk_fullness(device),
        tip="Room for models, checkpoints and adapters, where Tunesmith keeps them.",
    )
    return memory, disk


def _disk_fullness(device: DeviceGlance) -> float:
    if not device.disk_total:
        return 0.0
    return 1.0 - device.disk_free / device.disk_total
