"""Work of step 2: the dataset doctor and the preview, each in a child process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QElapsedTimer, QObject, QTimer, Signal, Slot

from app.qtwork.background import Background
from app.qtwork.process import TaskRunner
from app.setup.report import DataReport, preview_from, report_from
from app.setup.state import NEEDS_COLUMNS, DataState, Failure, Work
from core.errors import TunesmithError
from core.models.facts import ModelFacts
from core.plan.plan import Plan

_SETTLE_MS: Final = 350  # a person still dragging a slider has not decided yet


def check_request(plan: Plan, model: ModelFacts | None) -> dict[str, Any]:
    """Return what the task ``data_check`` is asked for `plan`."""
    return {
        "files": list(plan.data.files),
        "format": plan.data.format,
        "columns": dict(plan.data.columns),
        "template": plan.data.template,
        "train_on": plan.data.train_on,
        "eval_fraction": plan.data.eval_fraction,
        "seed": plan.train.seed,
        "seq_len": plan.train.seq_len,
        "model_path": str(model.path) if model is not None and model.path else None,
    }


class DataWork(QObject):
    """Owns the `DataState`; looks again by itself when what it looked at changes.

    Signals:
        changed (): the state is another.
    """

    changed = Signal()

    def __init__(
        self,
        columns_of: Callable[[Path], tuple[str, ...]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.state = DataState()
        self._columns_of = columns_of
        self._looking = Background(self)
        self._looking.answered.connect(self._on_columns)
        self._wanted: dict[str, Any] | None = None
        self._asked: dict[str, Any] | None = None
        self._goes_again = False
        self._counts_tokens = False
        self._what = "Reading the data"
        self._row = 0
        self._since = QElapsedTimer()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._go)
        self._checking = TaskRunner(self)
        self._checking.progressed.connect(self._on_progressed)
        self._checking.succeeded.connect(self._on_checked)
        self._checking.failed.connect(self._on_check_failed)
        self._checking.finished.connect(self._on_check_over)
        self._previewing = TaskRunner(self)
        self._previewing.succeeded.connect(self._on_previewed)
        self._previewing.failed.connect(self._on_preview_failed)
        self._previewing.finished.connect(self._on_preview_over)
        self._preview_asked: dict[str, Any] | None = None

    def follow(self, plan: Plan, model: ModelFacts | None) -> None:
        """Look at what `plan` names, unless that was looked at already."""
        wanted = check_request(plan, model)
        if wanted == self._wanted:
            return
        if self._wanted is None or wanted["files"] != self._wanted["files"]:
            self._row = 0
            self._set(
                report=None,
                columns=(),
                preview=None,
                preview_row=0,
                preview_failure=None,
            )
        self._wanted = wanted
        if not wanted["files"]:
            self._stop()
            self._set(
                report=None, failure=None, work=None, preview=None, is_stale=False
            )
            return
        self._set(is_stale=True)
        self._settle.start()

    def check_again(self) -> None:
        """Read the files again although nothing here changed: they may have."""
        self._asked = self._preview_asked = None
        self._go()

    def cancel(self) -> None:
        """End the check that runs; the last report stays, marked as old."""
        self._settle.stop()
        self._goes_again = False
        self._checking.cancel()

    def show_row(self, row: int) -> None:
        """Preview the row counted from 0."""
        self._row = max(0, row)
        self._set(preview_row=self._row)
        self._preview()

    def shut_down(self) -> None:
        """End every child that runs."""
        self._settle.stop()
        self._goes_again = False
        self._wanted = self._asked = None
        self._checking.shut_down()
        self._previewing.shut_down()

    @Slot()
    def _go(self) -> None:
        self._settle.stop()
        if self._wanted is None or not self._wanted["files"]:
            return
        if self._wanted == self._asked:  # changed and changed back
            self._set(is_stale=self._checking.is_busy)
            return
        if self._checking.is_busy:
            self._goes_again = True  # `_on_check_over` begins the newer one
            self._checking.cancel()
            return
        self._asked = self._wanted
        self._begin(counts_tokens=False)
        self._preview()

    def _begin(self, *, counts_tokens: bool) -> None:
        """Read the rows; a second look counts tokens.

        Opening a tokenizer takes seconds, so what needs none is shown before.
        """
        request = dict(self._asked or {})
        if not counts_tokens:
            request["model_path"] = None
        self._counts_tokens = counts_tokens
        self._what = "Counting tokens" if counts_tokens else "Reading the data"
        self._since.start()
        self._checking.start("data_check", request)
        self._set(work=Work(what=self._what), failure=None)

    def _stop(self) -> None:
        self._settle.stop()
        self._goes_again = False
        self._asked = self._preview_asked = None
        self._checking.cancel()
        self._previewing.cancel()

    def _preview(self) -> None:
        wanted = self._preview_request()
        if wanted is None or wanted == self._preview_asked:
            return
        if self._previewing.is_busy:
            self._previewing.cancel()  # `_on_preview_over` begins the newer one
            return
        self._preview_asked = wanted
        self._previewing.start("data_preview", wanted)
        self._set(is_previewing=True, preview_failure=None)

    def _preview_request(self) -> dict[str, Any] | None:
        wanted = self._wanted
        if wanted is None or not wanted["files"] or not wanted["model_path"]:
            return None
        return {**wanted, "row": self._row}

    @Slot(object)
    def _on_progressed(self, event: Mapping[str, Any]) -> None:
        done, total = float(event.get("done") or 0), event.get("total")
        elapsed_s = self._since.elapsed() / 1000
        self._set(
            work=Work(
                what=self._what,
                done=done,
                total=float(total) if total else None,
                unit=str(event.get("unit") or ""),
                per_s=done / elapsed_s if done and elapsed_s > 1 else None,
            )
        )

    @Slot(object)
    def _on_checked(self, result: Mapping[str, Any]) -> None:
        report = report_from(result)
        has_model = self._asked is not None and bool(self._asked["model_path"])
        if has_model and not self._counts_tokens:
            self._set(report=_with_lengths_of(self.state.report, report))
            self._begin(counts_tokens=True)
            return
        is_stale = self._asked != self._wanted
        self._set(report=report, failure=None, work=None, is_stale=is_stale)

    @Slot(object)
    def _on_check_failed(self, err: TunesmithError) -> None:
        if err.code == "cancelled":
            self._asked = None
            if not self._goes_again:
                self._set(work=None, is_stale=True)
            return
        self._set(report=None, failure=Failure.of(err), work=None, is_stale=False)
        if err.code in NEEDS_COLUMNS and self._wanted and self._wanted["files"]:
            first = Path(self._wanted["files"][0])
            self._looking.ask(lambda: self._columns_of(first))

    @Slot(object)
    def _on_columns(self, columns: tuple[str, ...]) -> None:
        self._set(columns=columns)

    @Slot()
    def _on_check_over(self) -> None:
        if self._goes_again:
            self._goes_again = False
            self._go()

    @Slot(object)
    def _on_previewed(self, result: Mapping[str, Any]) -> None:
        row = int((self._preview_asked or {}).get("row", 0))
        self._set(preview=preview_from(result, row=row), is_previewing=False)

    @Slot(object)
    def _on_preview_failed(self, err: TunesmithError) -> None:
        failure = None if err.code == "cancelled" else Failure.of(err)
        self._set(preview_failure=failure, is_previewing=False)

    @Slot()
    def _on_preview_over(self) -> None:
        if self._preview_request() != self._preview_asked:
            self._preview()

    def _set(self, **changes: Any) -> None:
        state = replace(self.state, **changes)
        if state != self.state:
            self.state = state
            self.changed.emit()


def _with_lengths_of(old: DataReport | None, new: DataReport) -> DataReport:
    """Return `new` with the lengths known before, until they are counted again."""
    if old is None or old.rows != new.rows:
        return new
    return replace(
        new,
        tokens=old.tokens,
        bars=old.bars,
        truncated=old.truncated,
        keeps_99=old.keeps_99,
    )
