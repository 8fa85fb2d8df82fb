"""Step 2, as it is shown: the files, what they hold, what is wrong, one row as learnt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.setup.data_figures import Cut, bars_of, cut_of, figures_of
from app.setup.progress_view import Progress, progress_of
from app.setup.report import Bars, DataReport, LineProblem, Preview
from app.setup.state import NEEDS_COLUMNS, DataState, Failure
from app.setup.words import joined, plural
from core.plan.plan import DataFormat, Plan

if TYPE_CHECKING:
    from app.theme.tokens import Tone

FORMAT_NAMES: Final[dict[DataFormat, str]] = {
    "auto": "Recognise by itself",
    "messages": "Chat messages (role, content)",
    "sharegpt": "ShareGPT conversations",
    "alpaca": "Alpaca (instruction, input, output)",
    "prompt-completion": "Prompt and completion",
    "text": "Plain text",
}
EXAMPLES: Final = (
    (
        "Chat",
        (
            '{"messages": [{"role": "user", "content": "Why is the sky blue?"},'
            ' {"role": "assistant", "content": "Air scatters blue light most."}]}'
        ),
    ),
    (
        "Question and answer",
        (
            '{"prompt": "Why is the sky blue?", "completion": "Air scatters blue light'
            ' most."}'
        ),
    ),
    ("Table", "question,answer\nWhy is the sky blue?,Air scatters blue light most."),
    ("Plain text", "Any text or Markdown file: it learns how such text goes on."),
)
"""What a row may look like, shown until a file is chosen."""
_BADGES: Final[dict[Tone, str]] = {
    "good": "Ready",
    "warn": "Needs a word",
    "bad": "Cannot be used",
}
# Which roles a person may map to columns, per format; the first are needed.
ROLES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "prompt-completion": (
        ("prompt", "Prompt"),
        ("completion", "Answer"),
        ("system", "System prompt"),
    ),
    "alpaca": (
        ("prompt", "Instruction"),
        ("input", "Input"),
        ("completion", "Answer"),
        ("system", "System prompt"),
    ),
    "messages": (("messages", "Messages"),),
    "sharegpt": (("messages", "Conversation"),),
    "text": (("text", "Text"),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLine:
    """One chosen file."""

    path: str
    name: str
    folder: str
    is_missing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChoice:
    """A role and the column that plays it; "" where none does."""

    role: str
    label: str
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewView:
    """One row, token by token."""

    row: int
    title: str
    tokens: tuple[tuple[str, bool], ...]
    can_go_back: bool
    can_go_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DataView:
    """Everything step 2 shows."""

    files: tuple[FileLine, ...]
    format_key: str
    format_text: str
    roles: tuple[RoleChoice, ...]
    columns: tuple[str, ...]
    train_on: str
    chooses_loss: bool
    """Rows have a part that is asked and one that answers; plain text has not."""
    eval_fraction: float
    held_out_text: str
    headline: str
    headline_badge: str
    headline_tone: Tone
    headline_detail: str
    figures: tuple[tuple[str, str, str], ...]
    bars: Bars | None
    cut: Cut | None
    problems: tuple[LineProblem, ...]
    problems_title: str
    skips_bad: bool
    offers_skip: bool
    skip_text: str
    notes: tuple[str, ...]
    preview: PreviewView | None
    preview_failure: Failure | None
    preview_hint: str
    is_previewing: bool
    progress: Progress | None
    failure: Failure | None
    can_check: bool
    check_tip: str


def present_data(plan: Plan, state: DataState, *, has_model: bool) -> DataView:
    """Return step 2 for the draft and what is known of its files.

    Args:
        plan: The draft.
        state: What the doctor found.
        has_model: Whether the model's tokenizer is on this computer.
    """
    report = state.report
    tone, headline, detail = _headline(plan, state)
    return DataView(
        files=tuple(_file(name) for name in plan.data.files),
        format_key=plan.data.format,
        format_text=_format_text(plan, report),
        roles=_roles(plan, state),
        columns=_columns(state),
        train_on=plan.data.train_on,
        chooses_loss="text" not in {plan.data.format, report.format if report else ""},
        eval_fraction=plan.data.eval_fraction,
        held_out_text=_held_out(plan, report),
        headline=headline,
        headline_badge=_BADGES.get(tone, ""),
        headline_tone=tone,
        headline_detail=detail,
        figures=figures_of(report),
        bars=bars_of(plan, report),
        cut=cut_of(plan, report),
        problems=(*report.problems, *report.twins) if report else (),
        problems_title=_problems_title(report),
        skips_bad=plan.data.on_bad_row == "skip",
        offers_skip=report is not None and report.bad_rows > 0,
        skip_text=f"Leave out {plural(report.bad_rows, 'bad row')}" if report else "",
        notes=report.notes if report else (),
        # What keeps the files from being read is said once, where the files stand.
        preview=_preview(state.preview) if state.failure is None else None,
        preview_failure=state.preview_failure if state.failure is None else None,
        preview_hint=_preview_hint(plan, has_model=has_model),
        is_previewing=state.is_previewing,
        progress=progress_of(state.work),
        failure=_failure(state),
        can_check=bool(plan.data.files) and state.work is None,
        check_tip="Read the files again and look at every row.",
    )


def _file(name: str) -> FileLine:
    path = Path(name)
    return FileLine(
        path=name,
        name=path.name,
        folder=str(path.parent),
        is_missing=not path.is_file(),
    )


def _format_text(plan: Plan, report: DataReport | None) -> str:
    if report is None or not report.format:
        return ""
    known = {str(key): name for key, name in FORMAT_NAMES.items()}
    several = report.format.split(" + ")  # one for each kind of file
    name = " and ".join(known.get(part, part) for part in several)
    how = "Read as" if plan.data.format != "auto" else "Recognised:"
    pairs = ", ".join(
        f"{role} from “{column}”" for role, column in report.mapped.items()
    )
    return joined(f"{how} {name}", pairs)


def _failure(state: DataState) -> Failure | None:
    """Return what went wrong, with this window's own way out where it has one."""
    failure = state.failure
    if failure is None or failure.code not in NEEDS_COLUMNS or not state.columns:
        return failure
    return replace(failure, hint="Say above which column plays which role.")


def _columns(state: DataState) -> tuple[str, ...]:
    return state.report.columns if state.report else state.columns


def _roles(plan: Plan, state: DataState) -> tuple[RoleChoice, ...]:
    if not _columns(state):
        return ()
    told = state.report.format if state.report else "prompt-completion"
    mapped: Mapping[str, str] = state.report.mapped if state.report else {}
    chosen = plan.data.format if plan.data.format != "auto" else told
    if " + " in chosen:
        return ()  # files of several formats share no columns; choose one format first
    roles = ROLES.get(chosen, ROLES["prompt-completion"])
    used = {**mapped, **plan.data.columns}
    return tuple(
        RoleChoice(role=role, label=label, column=used.get(role, ""))
        for role, label in roles
    )


def _held_out(plan: Plan, report: DataReport | None) -> str:
    share = f"{plan.data.eval_fraction * 100:g} %"
    if plan.data.eval_fraction == 0:
        return "Nothing is held out; then nothing can tell learning from memorising."
    if report is not None and report.eval_rows is not None:
        rows = plural(report.eval_rows, "row")
        return f"{share}: {rows} never trained on, to measure whether it learnt."
    return f"{share} of the rows are never trained on, to measure whether it learnt."


def _headline(plan: Plan, state: DataState) -> tuple[Tone, str, str]:
    report = state.report
    if not plan.data.files:
        return "neutral", "", ""
    if report is None:
        return "neutral", "", ""
    if report.usable == 0:
        return (
            "bad",
            f"None of {plural(report.rows, 'row')} can be used",
            "Choose another format, or say which column plays which role.",
        )
    if report.bad_rows and plan.data.on_bad_row == "stop":
        return (
            "warn",
            f"{report.usable:,} of {plural(report.rows, 'row')} can be used",
            (
                f"{plural(report.bad_rows, 'row')} must be mended in the file or left out;"
                " nothing is left out without your word."
            ),
        )
    left = [
        f"{plural(report.bad_rows, 'bad row')} left out." if report.bad_rows else "",
        f"{plural(report.set_aside, 'row')} marked as not to be learnt set aside."
        if report.set_aside
        else "",
    ]
    idle = report.rows - report.usable - report.bad_rows - report.set_aside
    if idle > 0:
        left.append(f"{plural(idle, 'row')} left out; the reason stands below.")
    told = " ".join(part for part in left if part)
    return "good", f"{plural(report.usable, 'row')} to learn from", told


def _problems_title(report: DataReport | None) -> str:
    if report is None:
        return ""
    listed = len(report.problems)
    more = f", the first {listed:,} shown" if report.problem_count > listed else ""
    faults = plural(report.problem_count, "fault") + more if listed else ""
    twins = max(report.duplicates, report.near_duplicates)
    return joined(
        faults,
        plural(twins, "duplicate") if twins else "",
        plural(report.leaks, "leak") if report.leaks else "",
    )


def _preview(preview: Preview | None) -> PreviewView | None:
    if preview is None:
        return None
    count = len(preview.tokens)
    of = f" of {preview.rows:,}" if preview.rows else ""
    return PreviewView(
        row=preview.row,
        title=joined(
            f"Row {preview.row + 1:,}{of}",
            plural(count, "token"),
            f"{preview.trained_count:,} trained",
        ),
        tokens=tuple((token.text, token.is_trained) for token in preview.tokens),
        can_go_back=preview.row > 0,
        can_go_on=preview.row + 1 < preview.rows,
    )


def _preview_hint(plan: Plan, *, has_model: bool) -> str:
    if not plan.data.files:
        return ""
    if not has_model:
        return (
            "Choose a model that is on this computer to see rows as it sees them, and"
            " lengths in tokens."
        )
    return ""
