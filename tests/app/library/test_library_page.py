"""The Library page on true PEFT folders: found, cared for, deleted, brought back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from app.library.page import LibraryPage
from app.library.present import LibraryView
from app.library.viewmodel import LibraryViewModel
from app.qtwork.navigator import Navigator
from core.library import shelf, trash
from core.library.record import AdapterRecord
from core.places import Places
from tests.app.library.made_adapters import shelved
from tests.app.training import made_runs


@dataclass
class Desk:
    page: LibraryPage
    model: LibraryViewModel
    places: Places
    bot: QtBot
    opened: list[tuple[str, object]] = field(default_factory=list)
    toasts: list[tuple[str, object]] = field(default_factory=list)

    def refresh(self) -> LibraryView:
        with self.bot.waitSignal(
            self.model.changed, check_params_cb=lambda view: not view.is_loading
        ) as seen:
            self.model.refresh()
        return seen.args[0]

    def told(self, adapter: AdapterRecord) -> None:
        self.refresh()
        self.model.choose(adapter.adapter_id)
        assert self.page.detail.isVisible()

    def read(self, adapter: AdapterRecord) -> AdapterRecord:
        return shelf.find(self.places, adapter.adapter_id)


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    places = Places(home=tmp_path / "home").make()
    navigator = Navigator()
    model = LibraryViewModel(places, navigator)
    page = LibraryPage(model)
    qtbot.addWidget(page)
    page.resize(1200, 800)
    page.show()
    made = Desk(page=page, model=model, places=places, bot=qtbot)
    navigator.requested.connect(lambda key, value: made.opened.append((key, value)))
    navigator.toasted.connect(lambda text, _, run: made.toasts.append((text, run)))
    yield made
    page.hide()
    page.shut_down()


def names(desk: Desk) -> list[str]:
    model = desk.page.adapters
    return [str(model.index(at, 0).data()) for at in range(model.rowCount())]


def test_an_empty_library_invites_to_train(desk: Desk) -> None:
    """Without an adapter the page says how one comes to be."""
    desk.bot.waitUntil(desk.page.empty.isVisible)

    desk.model.start_training()

    assert [("train", None)] == desk.opened


def test_adapters_are_listed_with_what_they_are(desk: Desk) -> None:
    """Name, base, method, result, size and day, newest first."""
    shelved(desk.places, "old", created=1e9)
    shelved(desk.places, "new", created=1.7e9)

    view = desk.refresh()

    assert ["new", "old"] == names(desk)
    assert "1.16  −66 %" == desk.page.adapters.index(0, 3).data()
    assert view.subtitle.startswith("2 adapters, ")


def test_search_finds_names_tags_notes_and_bases(desk: Desk) -> None:
    """As typed, whatever the case; nothing found offers the way back."""
    pirate = shelved(desk.places, "Pirate talk", tags=("demo",))
    shelved(desk.places, "Sums", base="Qwen/Qwen2.5-0.5B-Instruct")
    shelf.note(desk.places, pirate.adapter_id, "says arr")
    desk.refresh()
    found = {}

    for query in ("PIRATE", "demo", "arr", "qwen", "zebra"):
        desk.model.search(query)
        found[query] = names(desk)

    assert {
        "PIRATE": ["Pirate talk"], "demo": ["Pirate talk"], "arr": ["Pirate talk"],
        "qwen": ["Sums"], "zebra": [],
    } == found  # fmt: skip
    assert desk.page.nothing.isVisible()

    desk.page._show_all()

    assert 2 == len(names(desk))


def test_filters_and_orders(desk: Desk) -> None:
    """Base, tag, star and damage narrow the list; four orders sort it."""
    first = shelved(desk.places, "b", tags=("keep",), eval_loss=0.5, created=1e9)
    shelved(desk.places, "a", base="Qwen/Qwen2.5-0.5B-Instruct", created=1.7e9)
    shelf.star(desk.places, first.adapter_id)
    desk.refresh()

    desk.model.show_starred(True)
    assert ["b"] == names(desk)
    desk.model.show_starred(False)
    desk.model.show_base("Qwen2.5-0.5B-Instruct")
    assert ["a"] == names(desk)
    desk.model.show_base("")
    desk.model.show_tag("keep")
    assert ["b"] == names(desk)
    desk.model.show_all()
    desk.model.sort_by("name")
    assert ["a", "b"] == names(desk)
    desk.model.sort_by("loss")
    assert ["b", "a"] == names(desk)
    desk.model.sort_by("newest")
    assert ["a", "b"] == names(desk)


def test_an_adapter_is_cared_for(desk: Desk) -> None:
    """Name, star, tags and note go to its folder at once."""
    adapter = shelved(desk.places, "Pirate talk")
    desk.told(adapter)
    detail = desk.page.detail

    detail.name.setText("Buccaneer")
    desk.bot.keyClick(detail.name, Qt.Key.Key_Return)
    detail.star.click()
    detail.tag.setText("sea")
    desk.bot.keyClick(detail.tag, Qt.Key.Key_Return)
    detail.note.setPlainText("says arr")
    detail.keep_note()

    def kept() -> None:
        now = desk.read(adapter)
        assert ("Buccaneer", True) == (now.name, now.starred)
        assert (("sea",), "says arr") == (now.tags, now.note)

    desk.bot.waitUntil(kept)
    desk.bot.waitUntil(lambda: names(desk) == ["Buccaneer"])


def test_a_tag_is_taken_away_by_its_chip(desk: Desk) -> None:
    """A click on the chip removes the tag."""
    adapter = shelved(desk.places, "Pirate talk", tags=("sea", "demo"))
    desk.told(adapter)
    chips = desk.page.detail.findChildren(QAbstractButton)
    chip = next(c for c in chips if c.accessibleName() == "Remove tag sea")

    chip.click()

    desk.bot.waitUntil(lambda: desk.read(adapter).tags == ("demo",))


def test_a_note_is_kept_when_another_adapter_is_shown(desk: Desk) -> None:
    """Moving on within the typing pause loses nothing and mixes nothing up."""
    first, second = shelved(desk.places, "a"), shelved(desk.places, "b")
    desk.told(first)
    desk.page.detail.note.setPlainText("of the first")

    desk.model.choose(second.adapter_id)

    desk.bot.waitUntil(lambda: desk.read(first).note == "of the first")
    assert "" == desk.read(second).note
    assert "" == desk.page.detail.note.toPlainText()


def test_an_empty_name_is_not_taken(desk: Desk) -> None:
    """The old name comes back into the field."""
    desk.told(shelved(desk.places, "Pirate talk"))
    detail = desk.page.detail

    detail.name.setText("  ")
    desk.bot.keyClick(detail.name, Qt.Key.Key_Return)

    assert "Pirate talk" == detail.name.text()


def test_a_damaged_adapter_is_badged_and_never_offered(desk: Desk) -> None:
    """The reason is told, chat is not offered, the others work."""
    broken, whole = shelved(desk.places, "broken"), shelved(desk.places, "whole")
    (broken.path / "adapter_model.safetensors").write_bytes(b"xx")
    view = desk.refresh()

    desk.model.choose(broken.adapter_id)

    assert [True] == [row.is_damaged for row in view.rows if row.name == "broken"]
    assert "damaged" in desk.page.detail.problem.words[0]
    assert not desk.page.detail.chat.isEnabled()

    desk.model.choose(whole.adapter_id)
    assert desk.page.detail.chat.isEnabled()
    assert not desk.page.detail.problem.isVisible()


def test_verify_finds_a_flipped_bit(desk: Desk) -> None:
    """The quick list cannot see it; reading every byte does, and says so."""
    adapter = shelved(desk.places, "Pirate talk")
    weights = adapter.path / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    desk.told(adapter)
    assert desk.page.detail.chat.isEnabled()

    desk.page.detail.verify.click()

    desk.bot.waitUntil(desk.page.detail.problem.isVisible)
    assert "is not as it was" in desk.page.detail.problem.words[0]
    assert not desk.page.detail.chat.isEnabled()


def test_verify_says_when_all_is_well(desk: Desk) -> None:
    """A good answer is told as well."""
    desk.told(shelved(desk.places, "Pirate talk"))

    with desk.bot.waitSignal(desk.model.told) as told:
        desk.page.detail.verify.click()

    assert told.args[0].startswith("“Pirate talk” is whole")


def test_delete_and_undo(desk: Desk) -> None:
    """Delete moves to the trash, Undo brings the very adapter back."""
    adapter = shelved(desk.places, "Pirate talk")
    desk.told(adapter)

    desk.page.detail.delete.click()

    desk.bot.waitUntil(lambda: names(desk) == [])
    assert not adapter.path.exists()
    text, undo = desk.toasts[0]
    assert "“Pirate talk” moved to the trash." == text
    assert callable(undo)
    undo()

    desk.bot.waitUntil(lambda: names(desk) == ["Pirate talk"])
    assert desk.read(adapter).ok


def test_the_trash_says_what_can_be_reclaimed(desk: Desk) -> None:
    """Its button carries the size; inside, each adapter can be restored."""
    adapter = shelved(desk.places, "Pirate talk")
    trash.delete(desk.places, adapter.adapter_id)

    view = desk.refresh()

    assert view.trash_text.startswith("Trash · ")
    assert view.trash_text == desk.page.trash_button.text()

    desk.page.trash_button.click()
    buttons = desk.page.trash.findChildren(QAbstractButton)
    next(b for b in buttons if b.accessibleName() == "Restore Pirate talk").click()

    desk.bot.waitUntil(lambda: names(desk) == ["Pirate talk"])


def test_emptying_the_trash_asks_once(desk: Desk) -> None:
    """The question names what goes; only its answer deletes."""
    adapter = shelved(desk.places, "Pirate talk")
    gone = trash.delete(desk.places, adapter.adapter_id)
    desk.refresh()
    desk.page.trash_button.click()

    desk.page.trash.empty_button.click()

    assert "“Pirate talk”" in desk.page.trash.question.words[1]
    assert gone.path.exists()

    desk.model.empty_trash()

    desk.bot.waitUntil(lambda: bool(desk.toasts))
    assert not gone.path.exists()
    assert desk.toasts[-1][0].endswith("freed.")


def test_lineage_leads_to_the_run_while_it_exists(desk: Desk) -> None:
    """Where it comes from is told; a run that is gone is not linked."""
    run = made_runs.done_run(desk.places.runs)
    adapter = shelved(desk.places, "Pirate talk", run_id=run.run_id)
    orphan = shelved(desk.places, "Orphan", run_id="20200101-000000-gone-abcd")
    desk.told(adapter)
    assert desk.page.detail.run.isVisible()

    desk.page.detail.run.click()
    desk.model.choose(orphan.adapter_id)

    assert [("runs", run.run_id)] == desk.opened
    assert not desk.page.detail.run.isVisible()


def test_try_in_chat_leads_to_the_chat(desk: Desk) -> None:
    """By button, or by a double click on the row."""
    adapter = shelved(desk.places, "Pirate talk")
    desk.told(adapter)

    desk.page.detail.chat.click()
    desk.page._on_double(desk.page.adapters.index(0, 0))

    assert [("chat", adapter.adapter_id)] * 2 == desk.opened


def test_table_and_cards_share_what_is_chosen(desk: Desk) -> None:
    """Changing the look changes nothing else."""
    adapter = shelved(desk.places, "Pirate talk")
    shelved(desk.places, "Sums")
    desk.told(adapter)

    desk.page.look.set_key("cards")
    desk.model.publish()

    assert desk.page.cards.isVisible()
    chosen = desk.page.cards.selectionModel().currentIndex()
    assert adapter.adapter_id == desk.page.adapters.id_at(chosen)


def test_opening_with_an_adapter_shows_it(desk: Desk) -> None:
    """Another page can point at one adapter, whatever was filtered."""
    adapter = shelved(desk.places, "Pirate talk")
    desk.refresh()
    desk.model.search("zebra")

    desk.page.open_with(adapter.adapter_id)

    desk.bot.waitUntil(desk.page.detail.isVisible)
    assert "Pirate talk" == desk.page.detail.name.text()


def test_a_thousand_adapters_cost_what_is_on_screen(desk: Desk) -> None:
    """The views are virtual: no widget is made for a row."""
    before = len(desk.page._sheet.findChildren(QAbstractButton))
    view = desk.refresh()
    row = shelved(desk.places, "one")
    view = desk.refresh()
    many = tuple(view.rows[0] for _ in range(1000))

    desk.page.adapters.show_rows(many)

    assert 1000 == desk.page.adapters.rowCount()
    assert before == len(desk.page._sheet.findChildren(QAbstractButton))
    assert row.name == desk.page.adapters.index(999, 0).data()


def test_a_name_is_readable_where_room_is_short(desk: Desk) -> None:
    """On a small window columns go before names do, and the filters take two lines."""
    long = "A name that is longer than any column " * 3
    one = shelved(desk.places, long.strip(), tags=("sea",))
    desk.refresh()
    desk.page.resize(828, 640)
    table = desk.page.table

    assert table.columnWidth(0) >= 200
    desk.page.resize(560, 640)  # as on 828 pixels with letters half as large again
    assert table.columnWidth(0) >= 200
    desk.page.resize(828, 640)
    told = desk.page.adapters.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert one.name in told
    for choice in (desk.page.tag, desk.page.sort):
        assert choice.width() >= choice.sizeHint().width()

    desk.told(one)
    assert 0 == desk.page.detail.name.cursorPosition()


def test_delete_works_on_cards_too(desk: Desk) -> None:
    """The Delete key means the adapter chosen, as a table or as cards."""
    one = shelved(desk.places)
    desk.refresh()
    desk.page.look.set_key("cards")
    desk.told(one)
    desk.page.cards.setFocus()
    desk.bot.waitUntil(desk.page.cards.hasFocus)

    desk.bot.keyClick(desk.page.cards, Qt.Key.Key_Delete)
    desk.bot.waitUntil(lambda: bool(desk.toasts))

    assert [one.adapter_id] == [r.adapter_id for r in trash.trashed(desk.places)]
