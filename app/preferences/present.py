"""What Settings says: pure, no Qt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.hub_token import Kept
from app.settings import TEXT_SCALES, AppSettings
from core.errors import TunesmithError
from core.hardware.doctor import DoctorProblem, Report
from core.places import Places
from core.units import bytes_text
from core.wire import to_json

if TYPE_CHECKING:
    from app.theme.tokens import Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSizes:
    """Bytes held in each of Tunesmith's folders, by name; and in the trash."""

    sizes: dict[str, int]
    trash: int = 0
    trash_items: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencesState:
    """Everything Settings knows; None where it has not looked yet."""

    settings: AppSettings
    places: Places
    offline_by_environment: bool = False
    report: Report | None = None
    is_examining: bool = False
    token: Kept | None = None
    has_keyring: bool | None = None
    sizes: FolderSizes | None = None
    failure: TunesmithError | None = None
    told: str = ""
    """A word about the last action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRow:
    """One folder: its name, path, size and what it is for."""

    name: str
    path: str
    size: str
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing the doctor found, and its fix."""

    tone: Tone
    title: str
    fix: str
    command: str
    """A command in the fix that can be copied; "" if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencesView:
    """What Settings shows."""

    appearance: str
    text_scale: str
    text_scales: tuple[tuple[str, str], ...]
    offline: bool
    offline_locked: bool
    offline_text: str
    device: str
    devices: tuple[tuple[str, str], ...]
    device_text: str
    folders: tuple[FolderRow, ...]
    trash_text: str
    can_empty_trash: bool
    token_badge: str
    token_tone: Tone
    token_text: str
    can_forget_token: bool
    doctor_title: str
    doctor_tone: Tone
    findings: tuple[Finding, ...]
    facts: tuple[tuple[str, str], ...]
    report_text: str
    is_examining: bool
    failure: tuple[str, str]


def present(state: PreferencesState) -> PreferencesView:
    """Return what Settings shows of `state`."""
    settings = state.settings
    badge, tone, text = _token_words(state)
    title, doctor_tone = _doctor_words(state)
    locked = state.offline_by_environment
    return PreferencesView(
        appearance=settings.appearance,
        text_scale=str(settings.text_scale_percent),
        text_scales=tuple((str(scale), f"{scale} %") for scale in TEXT_SCALES),
        offline=settings.offline or locked,
        offline_locked=locked,
        offline_text=(
            "Switched on by the environment (HF_HUB_OFFLINE) or --offline."
            if locked
            else "Makes no network call at all: only what is on this disk is used."
        ),
        device=settings.device,
        devices=_devices(state),
        device_text=_device_text(state),
        folders=_folders(state),
        trash_text=_trash_text(state.sizes),
        can_empty_trash=bool(state.sizes and state.sizes.trash_items),
        token_badge=badge,
        token_tone=tone,
        token_text=text,
        can_forget_token=state.token in ("keyring", "session"),
        doctor_title=title,
        doctor_tone=doctor_tone,
        findings=tuple(_finding(p) for p in _problems(state)),
        facts=_facts(state.report),
        report_text=_report_text(state.report),
        is_examining=state.is_examining,
        failure=_failure(state.failure),
    )


def _failure(err: TunesmithError | None) -> tuple[str, str]:
    return ("", "") if err is None else (err.message, err.hint)


def _token_words(state: PreferencesState) -> tuple[str, Tone, str]:
    match state.token:
        case "keyring":
            return "Kept", "good", "Kept in this system's keyring."
        case "session":
            return (
                "This session",
                "warn",
                (
                    "This system has no keyring, so the token is kept until the window"
                    " closes and written nowhere."
                ),
            )
        case "none":
            where = (
                "It will be kept in this system's keyring."
                if state.has_keyring
                else "This system has no keyring: it will be kept until the window"
                " closes and written nowhere."
            )
            return (
                "None",
                "neutral",
                f"Only gated models, whose licence is accepted once, need one. {where}",
            )
        case None:
            return "…", "neutral", "Looking for the keyring."


def _devices(state: PreferencesState) -> tuple[tuple[str, str], ...]:
    found = [("auto", "Automatic: the card with the most memory, else the processor")]
    report = state.report
    if report is not None:
        found += [
            (str(gpu.index), f"{gpu.name} ({bytes_text(gpu.total)})")
            for gpu in report.gpus
        ]
        found.append(("cpu", f"Processor: {report.cpu.name}"))
    else:
        found.append(("cpu", "Processor"))
    if state.settings.device not in {key for key, _ in found}:
        found.append(
            (state.settings.device, f"Card {state.settings.device} (not here)")
        )
    return tuple(found)


def _device_text(state: PreferencesState) -> str:
    if state.report is None:
        return "Looking at the machine…"
    if state.settings.device == "cpu":
        return "New runs and chats use the processor. Runs that are going on stay."
    if not state.report.gpus:
        return "No graphics card was found, so the processor is used."
    wanted = state.settings.device
    if wanted != "auto" and wanted not in {str(gpu.index) for gpu in state.report.gpus}:
        return f"Card {wanted} is not here now, so the processor is used."
    return "New runs and chats use this device. Runs that are going on stay."


def _folders(state: PreferencesState) -> tuple[FolderRow, ...]:
    places = state.places
    rows = (
        ("Tunesmith", places.home, "Everything Tunesmith keeps."),
        ("Runs", places.runs, "Plans, curves, logs and checkpoints."),
        ("Library", places.library, "Your adapters, each a plain PEFT folder."),
        ("Models", places.models, "Models Tunesmith made or downloaded."),
    )
    return tuple(
        FolderRow(name=name, path=str(path), size=_size(state, name), tip=tip)
        for name, path, tip in rows
    )


def _size(state: PreferencesState, name: str) -> str:
    if state.sizes is None:
        return "…"
    return bytes_text(state.sizes.sizes.get(name, 0))


def _trash_text(sizes: FolderSizes | None) -> str:
    if sizes is None:
        return "Looking…"
    if not sizes.trash_items:
        return "The trash is empty."
    many = "1 item" if sizes.trash_items == 1 else f"{sizes.trash_items} items"
    return f"{many} in the trash, {bytes_text(sizes.trash)}."


def _doctor_words(state: PreferencesState) -> tuple[str, Tone]:
    report = state.report
    if report is None:
        return "Examining this machine…", "neutral"
    faults = [p for p in report.problems if p.level != "info"]
    if not report.ok:
        return "Nothing can be trained here yet", "bad"
    if faults:
        many = "1 thing" if len(faults) == 1 else f"{len(faults)} things"
        return f"Ready to train; {many} could be better", "warn"
    return "Everything is in order", "good"


def _problems(state: PreferencesState) -> tuple[DoctorProblem, ...]:
    if state.report is None:
        return ()
    order = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(state.report.problems, key=lambda p: order[p.level]))


def _finding(problem: DoctorProblem) -> Finding:
    tones: dict[str, Tone] = {"error": "bad", "warning": "warn", "info": "neutral"}
    return Finding(
        tone=tones[problem.level],
        title=problem.message,
        fix=problem.hint,
        command=command_in(problem.hint),
    )


def command_in(text: str) -> str:
    """Return the first “quoted” part of `text` that is a command, or ""."""
    starts = ("python", "py ", "pip", "sudo", "apt", "dnf", "pacman", "zypper")
    for part in text.split("“")[1:]:
        quoted = part.partition("”")[0]
        if quoted.startswith((*starts, "tunesmith", "export ")):
            return quoted
    return ""


def _facts(report: Report | None) -> tuple[tuple[str, str], ...]:
    if report is None:
        return ()
    rows: list[tuple[str, str]] = []
    for gpu in report.gpus:
        major, minor = gpu.compute_capability
        rows.append(
            (
                f"Graphics card {gpu.index}",
                (
                    f"{gpu.name}, {bytes_text(gpu.free)} of {bytes_text(gpu.total)} free,"
                    f" compute capability {major}.{minor}, driver {gpu.driver}"
                ),
            )
        )
    rows += [
        ("Processor", f"{report.cpu.name}, {report.cpu.cores} cores"),
        (
            "Memory",
            (
                f"{bytes_text(report.memory.free)} of {bytes_text(report.memory.total)}"
                " free"
            ),
        ),
        ("Disk", f"{bytes_text(report.disk.free)} free in {report.disk.path}"),
    ]
    rows += [(name, version) for name, version in report.versions.items() if version]
    return tuple(rows)


def _report_text(report: Report | None) -> str:
    if report is None:
        return ""
    tree: Any = to_json(report)
    home = str(Path.home())
    text = json.dumps(tree, indent=1, ensure_ascii=False, default=str)
    return text.replace(home, "~")  # a name in a path is nobody's business
