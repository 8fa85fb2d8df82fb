"""What the Library shows: rows found, filtered and sorted, and one adapter's story."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePath
from typing import Any, Final, Literal, cast

from core.library.record import AdapterRecord
from core.library.shelf import matches
from core.units import bytes_text

Sort = Literal["newest", "name", "loss", "size"]

SORTS: Final[tuple[tuple[Sort, str], ...]] = (
    ("newest", "Newest first"),
    ("name", "Name"),
    ("loss", "Lowest held-out loss"),
    ("size", "Largest first"),
)
_METHODS: Final = {"lora": "LoRA", "qlora": "QLoRA", "lora8": "8-bit LoRA"}
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the person asked to see."""

    query: str = ""
    base: str = ""
    tag: str = ""
    only_starred: bool = False
    only_damaged: bool = False
    sort: Sort = "newest"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterRow:
    """One adapter in the table or on a card."""

    adapter_id: str
    name: str
    base: str
    method: str
    result: str
    change: str
    size: str
    made: str
    tags: tuple[str, ...]
    starred: bool
    is_damaged: bool
    problem: str
    said: str
    """The whole row in one sentence, for screen readers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterDetail:
    """One adapter, told whole."""

    adapter_id: str
    name: str
    note: str
    tags: tuple[str, ...]
    starred: bool
    can_chat: bool
    problem: str
    figures: tuple[tuple[str, str], ...]
    lineage: tuple[tuple[str, str, str], ...]
    run_id: str
    """The training it came from; empty if that is not there any more."""
    folder: str
    is_verifying: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryView:
    """The whole page."""

    rows: tuple[AdapterRow, ...]
    is_loading: bool
    is_empty: bool
    """Nothing in the library; `rows` may also be empty because of the filters."""
    subtitle: str
    bases: tuple[str, ...]
    tags: tuple[str, ...]
    has_damaged: bool
    filters: Filters
    detail: AdapterDetail | None
    trash: tuple[AdapterRow, ...]
    trash_text: str


def present(
    records: Sequence[AdapterRecord] | None,
    trashed: Sequence[AdapterRecord],
    *,
    filters: Filters,
    chosen: str,
    runs: Collection[str] = (),
    verifying: Collection[str] = (),
) -> LibraryView:
    """Return the page; `records` is None until the first reading is done."""
    known = records or ()
    kept = sorted(
        (record for record in known if _wanted(record, filters)),
        key=lambda record: _sort_key(record, filters.sort),
    )
    shown = next((r for r in known if r.adapter_id == chosen), None)
    reclaim = sum(record.size for record in trashed)
    return LibraryView(
        rows=tuple(_row(record) for record in kept),
        is_loading=records is None,
        is_empty=records is not None and not known,
        subtitle=_subtitle(known),
        bases=tuple(sorted({base_name(record) for record in known})),
        tags=tuple(sorted({tag for record in known for tag in record.tags})),
        has_damaged=any(not record.ok for record in known),
        filters=filters,
        detail=_detail(
            shown,
            has_run=shown.run_id in runs,
            is_verifying=shown.adapter_id in verifying,
        )
        if shown is not None
        else None,
        trash=tuple(_row(record) for record in trashed),
        trash_text=f"Trash · {bytes_text(reclaim)}" if trashed else "",
    )


def base_name(record: AdapterRecord) -> str:
    """Return the short name of the base: ``SmolLM2-135M-Instruct``."""
    if record.base_model == "starter":
        return "SmolLM2-135M-Instruct"
    return PurePath(record.base_model.replace("\\", "/")).name or "unknown base"


def _subtitle(records: Sequence[AdapterRecord]) -> str:
    if not records:
        return "Every adapter you train is kept here."
    size = bytes_text(sum(record.size for record in records))
    damaged = sum(not record.ok for record in records)
    text = f"{len(records)} adapter{'s' * (len(records) != 1)}, {size} on disk."
    return f"{text} {damaged} damaged." if damaged else text


def _wanted(record: AdapterRecord, filters: Filters) -> bool:
    return (
        matches(record, filters.query)
        and (not filters.base or base_name(record) == filters.base)
        and (not filters.tag or filters.tag in record.tags)
        and (not filters.only_starred or record.starred)
        and (not filters.only_damaged or not record.ok)
    )


def _sort_key(record: AdapterRecord, sort: Sort) -> tuple[float, str]:
    name = record.name.casefold()
    match sort:
        case "newest":
            return (-record.created, name)
        case "name":
            return (0.0, name)
        case "size":
            return (-record.size, name)
        case "loss":
            unknown = float("inf")
            return (unknown if record.eval_loss is None else record.eval_loss, name)


def _row(record: AdapterRecord) -> AdapterRow:
    result = "" if record.eval_loss is None else _loss(record.eval_loss)
    row = AdapterRow(
        adapter_id=record.adapter_id,
        name=_one_line(record.name),
        base=base_name(record),
        method=_method(record),
        result=result,
        change=_change(record),
        size=bytes_text(record.size),
        made=_day(record.created),
        tags=record.tags,
        starred=record.starred,
        is_damaged=not record.ok,
        problem=record.problem,
        said="",
    )
    parts = (
        record.name,
        "starred" if record.starred else "",
        f"damaged: {record.problem}" if not record.ok else "",
        row.base,
        row.method,
        f"held-out loss {result}" if result else "",
        row.size,
        row.made,
    )
    said = ", ".join(part for part in parts if part)
    return replace(row, said=said)


def _method(record: AdapterRecord) -> str:
    name = _METHODS.get(record.method, record.method or "LoRA")
    return name if record.rank is None else f"{name}, rank {record.rank}"


def _change(record: AdapterRecord) -> str:
    before, after = record.eval_loss_before, record.eval_loss
    if before is None or after is None or before == 0:
        return ""
    percent = round((after - before) / before * 100)
    return f"{'−' if percent < 0 else '+'}{abs(percent)} %" if percent else "±0 %"


def _loss(loss: float) -> str:
    """Return three digits, the last zeros among them: losses stand in a column."""
    return f"{loss:#.3g}".rstrip(".")


def _day(t: float) -> str:
    if not t:
        return ""
    then = datetime.fromtimestamp(t).astimezone()
    return f"{then.day} {_MONTHS[then.month - 1]} {then.year}"


def _detail(
    record: AdapterRecord, *, has_run: bool, is_verifying: bool
) -> AdapterDetail:
    before = record.eval_loss_before
    fell = f"{_loss(before)} → " if before is not None else ""
    after = "–" if record.eval_loss is None else f"{fell}{_loss(record.eval_loss)}"
    figures = (
        ("Held-out loss", after),
        ("Change", _change(record) or "–"),
        ("Size", bytes_text(record.size)),
        ("Peak memory", bytes_text(record.peak_memory) if record.peak_memory else "–"),
    )
    return AdapterDetail(
        adapter_id=record.adapter_id,
        name=record.name,
        note=record.note,
        tags=record.tags,
        starred=record.starred,
        can_chat=record.ok,
        problem=record.problem,
        figures=figures,
        lineage=_lineage(record),
        run_id=record.run_id if has_run else "",
        folder=str(record.path),
        is_verifying=is_verifying,
    )


def _lineage(record: AdapterRecord) -> tuple[tuple[str, str, str], ...]:
    plan = record.plan or {}
    revision = _text(plan, "model", "revision")
    rows = (
        (
            "Base model",
            _told_base(record),
            f"The model it was trained on: {record.base_model}.",
        ),
        ("Revision", revision, "The exact version of the base on the Hub."),
        ("Method", _method(record), ""),
        ("Made", _day(record.created), ""),
        ("Run", record.run_id, "The training it came from."),
        ("Parent", record.parent, "The adapter its training began with."),
        ("Data", _files(plan), "The files it learnt from."),
        (
            "Data hash",
            record.data_sha256[:16],
            "The beginning of the SHA-256 of the files it learnt from.",
        ),
        ("Made with", _versions(record), ""),
        ("Adapter id", record.adapter_id, "What the command line calls it."),
    )
    return tuple(row for row in rows if row[1])


def _told_base(record: AdapterRecord) -> str:
    starter = f"{base_name(record)}, the starter model"
    if record.base_model == "starter":
        return starter
    is_path = PurePath(record.base_model).is_absolute()
    return base_name(record) if is_path else record.base_model


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _text(plan: dict[str, Any], section: str, key: str) -> str:
    part = plan.get(section)
    if not isinstance(part, dict):
        return ""
    found = cast("dict[str, Any]", part).get(key, "")
    return found if isinstance(found, str) else json.dumps(found)


def _files(plan: dict[str, Any]) -> str:
    data = plan.get("data")
    files: object = cast("dict[str, Any]", data).get("files") if isinstance(
        data, dict
    ) else None  # fmt: skip
    if not isinstance(files, (list, tuple)):
        return ""
    many = cast("Sequence[object]", files)
    return ", ".join(PurePath(str(name).replace("\\", "/")).name for name in many)


def _versions(record: AdapterRecord) -> str:
    wanted = ("tunesmith", "torch", "peft", "transformers")
    found = record.versions or {}
    return ", ".join(f"{name} {found[name]}" for name in wanted if name in found)
