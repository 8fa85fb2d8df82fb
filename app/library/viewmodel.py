"""The library: read off the main thread, edited in order, every act with a way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

from PySide6.QtCore import QObject, Signal, Slot

from app.library.present import Filters, LibraryView, Sort, present
from app.qtwork.background import Background
from app.qtwork.in_order import InOrder
from app.qtwork.navigator import Navigator
from core.errors import TunesmithError
from core.library import shelf, trash
from core.library.record import AdapterRecord
from core.places import Places
from core.units import bytes_text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contents:
    """What the disk holds."""

    records: tuple[AdapterRecord, ...]
    trashed: tuple[AdapterRecord, ...]
    runs: frozenset[str]
    """Ids of the runs that are still there."""


class LibraryViewModel(QObject):
    """What the Library page shows.

    Signals:
        changed (LibraryView): the page is to be painted.
        failed (TunesmithError): something could not be read or done.
        told (str): something was done, in words.
    """

    changed = Signal(object)
    failed = Signal(object)
    told = Signal(str)

    def __init__(
        self, places: Places, navigator: Navigator, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._places = places
        self._navigator = navigator
        self._contents: _Contents | None = None
        self._filters = Filters()
        self._chosen = ""
        self._found_damaged: dict[str, str] = {}
        self._verifying: set[str] = set()
        self._reading = Background(self)
        self._reading.answered.connect(self._on_read)
        self._reading.failed.connect(self.failed)
        self._editing = InOrder(self)
        self._editing.answered.connect(self._on_edited)
        self._editing.failed.connect(self._on_failed)
        self._checking = InOrder(self)
        self._checking.answered.connect(self._on_checked)
        self._checking.failed.connect(self._on_failed)

    # -- looking ----------------------------------------------------------------

    @Slot()
    def refresh(self) -> None:
        """Read the library again."""
        places = self._places
        self._reading.ask(lambda: _read(places))

    def search(self, query: str) -> None:
        """Show what fits `query`."""
        self._filter(replace(self._filters, query=query))

    def show_base(self, base: str) -> None:
        """Show adapters of this base alone; "" shows all."""
        self._filter(replace(self._filters, base=base))

    def show_tag(self, tag: str) -> None:
        """Show adapters with this tag alone; "" shows all."""
        self._filter(replace(self._filters, tag=tag))

    def show_starred(self, only: bool) -> None:  # noqa: FBT001 - a setter
        """Show starred adapters alone, or all."""
        self._filter(replace(self._filters, only_starred=only))

    def show_damaged(self, only: bool) -> None:  # noqa: FBT001 - a setter
        """Show damaged adapters alone, or all."""
        self._filter(replace(self._filters, only_damaged=only))

    def sort_by(self, sort: Sort) -> None:
        """Show in another order."""
        self._filter(replace(self._filters, sort=sort))

    def show_all(self) -> None:
        """Hide nothing any more."""
        self._filter(Filters(sort=self._filters.sort))

    def choose(self, adapter_id: str) -> None:
        """Tell one adapter whole; "" tells none."""
        if adapter_id != self._chosen:
            self._chosen = adapter_id
            self.publish()

    # -- editing ----------------------------------------------------------------

    def rename(self, adapter_id: str, name: str) -> None:
        """Give another name."""
        self._edit(lambda: shelf.rename(self._places, adapter_id, name))

    def set_note(self, adapter_id: str, text: str) -> None:
        """Replace the note."""
        self._edit(lambda: shelf.note(self._places, adapter_id, text))

    def add_tag(self, adapter_id: str, tag: str) -> None:
        """Add a tag."""
        self._edit(lambda: shelf.tag(self._places, adapter_id, add=(tag,)))

    def remove_tag(self, adapter_id: str, tag: str) -> None:
        """Take a tag away."""
        self._edit(lambda: shelf.tag(self._places, adapter_id, remove=(tag,)))

    def star(self, adapter_id: str, *, starred: bool) -> None:
        """Star it, or take the star away."""
        self._edit(lambda: shelf.star(self._places, adapter_id, starred=starred))

    def delete(self, adapter_id: str) -> None:
        """Move it to the trash, with a way back."""
        places = self._places

        def move() -> object:
            gone = trash.delete(places, adapter_id)
            return lambda: self._on_deleted(gone)

        self._editing.ask(move)

    def restore(self, adapter_id: str) -> None:
        """Bring it back from the trash."""
        places = self._places

        def bring() -> object:
            back = trash.restore(places, adapter_id)
            return lambda: self.choose(back.adapter_id)

        self._editing.ask(bring)

    def empty_trash(self) -> None:
        """Delete for good what is in the trash."""
        places = self._places

        def empty() -> object:
            freed = trash.empty(places)
            return lambda: self._navigator.toast(f"{bytes_text(freed)} freed.")

        self._editing.ask(empty)

    def verify(self, adapter_id: str) -> None:
        """Read every byte of it and say whether it is whole."""
        if adapter_id in self._verifying:
            return
        self._verifying.add(adapter_id)
        self._checking.ask(lambda: shelf.verify(self._places, adapter_id))
        self.publish()

    # -- elsewhere --------------------------------------------------------------

    def try_in_chat(self, adapter_id: str) -> None:
        """Talk to it."""
        self._navigator.open("chat", adapter_id)

    def open_run(self, run_id: str) -> None:
        """Show the training it came from."""
        self._navigator.open("runs", run_id)

    def start_training(self) -> None:
        """Go and make one."""
        self._navigator.open("train")

    def shut_down(self) -> None:
        """Want no answers any more."""
        self._reading.cancel()

    def publish(self) -> None:
        """Tell what there is to paint, now."""
        self.changed.emit(self._view())

    # -- what comes back --------------------------------------------------------

    def _view(self) -> LibraryView:
        contents = self._contents
        return present(
            None if contents is None else [self._seen(r) for r in contents.records],
            () if contents is None else contents.trashed,
            filters=self._filters,
            chosen=self._chosen,
            runs=frozenset[str]() if contents is None else contents.runs,
            verifying=frozenset(self._verifying),
        )

    def _seen(self, record: AdapterRecord) -> AdapterRecord:
        """Return the record with the damage a check of its bytes has found."""
        problem = self._found_damaged.get(record.adapter_id)
        if problem is None or not record.ok:
            return record
        return replace(record, ok=False, problem=problem)

    def _filter(self, filters: Filters) -> None:
        if filters != self._filters:
            self._filters = filters
            self.publish()

    def _edit(self, function: Callable[[], AdapterRecord]) -> None:
        self._editing.ask(function)

    @Slot(object)
    def _on_read(self, answer: object) -> None:
        self._contents = cast("_Contents", answer)
        self.publish()

    @Slot(object)
    def _on_edited(self, answer: object) -> None:
        if isinstance(answer, AdapterRecord):
            self._take_in(answer)
            return
        cast("Callable[[], None]", answer)()
        self.refresh()

    def _take_in(self, record: AdapterRecord) -> None:
        if self._contents is None:
            return
        records = tuple(
            record if one.adapter_id == record.adapter_id else one
            for one in self._contents.records
        )
        self._contents = replace(self._contents, records=records)
        self.publish()

    def _on_deleted(self, gone: AdapterRecord) -> None:
        if self._chosen == gone.adapter_id:
            self._chosen = ""
        self._navigator.toast(
            f"“{gone.name}” moved to the trash.",
            action="Undo",
            run=lambda: self.restore(gone.adapter_id),
        )

    @Slot(object)
    def _on_checked(self, answer: object) -> None:
        record = cast("AdapterRecord", answer)
        self._verifying.discard(record.adapter_id)
        if record.ok:
            self._found_damaged.pop(record.adapter_id, None)
            self.told.emit(f"“{record.name}” is whole: every byte is as it was made.")
        else:
            self._found_damaged[record.adapter_id] = record.problem
        self.publish()

    @Slot(object)
    def _on_failed(self, error: TunesmithError) -> None:
        self._verifying.clear()
        self.failed.emit(error)
        self.refresh()


def _read(places: Places) -> _Contents:
    runs = places.runs
    return _Contents(
        records=tuple(shelf.all_adapters(places)),
        trashed=tuple(trash.trashed(places)),
        runs=frozenset(path.name for path in runs.iterdir())
        if runs.is_dir()
        else frozenset(),
    )
