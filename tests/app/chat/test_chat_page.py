"""The Chat page with a worker that speaks the protocol: talked to, stopped, killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QDialog, QPlainTextEdit
from pytestqt.qtbot import QtBot
from safetensors.numpy import save_file

from app.chat.fitting import FitAnswer, FitQuestion, Fitting, weighed
from app.chat.page import ChatPage
from app.chat.viewmodel import ChatPorts, ChatViewModel
from app.chat.views import Busy
from app.qtwork.gpu_lease import GpuLease
from app.qtwork.navigator import Navigator
from core.chat.events import ChatFailed, Sampling
from core.hardware.budget import DeviceBudget, device_budget
from core.hardware.gpu import GpuProcess
from core.models.facts import ModelFacts
from core.places import Places
from tests.app.chat.fake_pipe import FakePipe
from tests.app.library.made_adapters import shelved

_CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 8,
    "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 2, "vocab_size": 32, "max_position_embeddings": 64,
    "tie_word_embeddings": True,
}  # fmt: skip


def made_base(places: Places) -> Path:
    """Put a folder where the starter model would be; nothing here loads it."""
    folder = places.models / "SmolLM2-135M-Instruct"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(_CONFIG), encoding="utf-8")
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    tensors = {"model.embed_tokens.weight": np.zeros((32, 8), dtype=np.float32)}
    save_file(tensors, folder / "model.safetensors")
    return folder


@dataclass
class Desk:
    page: ChatPage
    model: ChatViewModel
    places: Places
    lease: GpuLease
    bot: QtBot
    pipes: list[FakePipe]
    holds: list[bool]
    busy: list[Busy]
    free_bytes: list[int]
    blender: list[GpuProcess]
    opened: list[tuple[str, object]] = field(default_factory=list)
    toasts: list[tuple[str, object]] = field(default_factory=list)

    def look(self) -> None:
        with self.bot.waitSignal(
            self.model.changed, check_params_cb=lambda view: bool(view.bases)
        ):
            self.model.refresh()

    def say(self, prompt: str) -> None:
        self.page.composer.field.setPlainText(prompt)
        self.bot.keyClick(self.page.composer.field, Qt.Key.Key_Return)

    def wait_for_answers(self) -> None:
        def over() -> None:
            turns = self.model.transcript.turns
            assert turns
            assert all(answer.is_over for turn in turns for answer in turn.answers)

        self.bot.waitUntil(over)
        self.bot.waitUntil(lambda: not self.page.composer.stop.isVisible())

    def answers(self, turn: int = -1) -> list[str]:
        return [a.text for a in self.model.transcript.turns[turn].answers]


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    places = Places(home=tmp_path / "home").make()
    made_base(places)
    navigator, lease = Navigator(), GpuLease()
    pipes: list[FakePipe] = []
    holds: list[bool] = []
    busy: list[Busy] = []
    free_bytes = [6 << 30]
    blender: list[GpuProcess] = []

    def budget() -> DeviceBudget:
        return DeviceBudget(
            kind="cpu",
            name="a processor",
            total=8 << 30,
            free=free_bytes[0],
            processes=tuple(blender),
        )

    def start() -> FakePipe:
        pipes.append(FakePipe(holds=bool(holds)))
        return pipes[-1]

    ports = ChatPorts(
        places=places,
        navigator=navigator,
        lease=lease,
        busy=lambda: busy[0] if busy else None,
        has_gpu=lambda: bool(busy and busy[0].is_on_gpu),
        start=start,
        budget=budget,
    )
    model = ChatViewModel(ports)
    page = ChatPage(model)
    qtbot.addWidget(page)
    page.resize(1200, 800)
    page.show()
    made = Desk(
        page=page, model=model, places=places, lease=lease, bot=qtbot, pipes=pipes,
        holds=holds, busy=busy, free_bytes=free_bytes, blender=blender,
    )  # fmt: skip
    navigator.requested.connect(lambda key, value: made.opened.append((key, value)))
    navigator.toasted.connect(lambda text, _, run: made.toasts.append((text, run)))
    yield made
    page.hide()
    page.shut_down()


def test_the_first_prompt_loads_the_base_by_itself(desk: Desk) -> None:
    """Nobody has to know that a model must be loaded first."""
    desk.look()

    desk.say("hello")
    desk.wait_for_answers()

    assert ["base says hello"] == desk.answers()
    assert "" == desk.page.composer.field.toPlainText()
    assert "Ready" == desk.page.side.state.text
    assert "the chat" == desk.lease.taken_by


def test_try_in_chat_sets_base_beside_adapter(desk: Desk) -> None:
    """Coming from a run or the library, both columns are there and loading begins."""
    adapter = shelved(desk.places, "Pirate talk")

    desk.page.open_with(adapter.adapter_id)

    desk.bot.waitUntil(lambda: desk.page.side.state.text == "Ready")
    desk.say("ahoy")
    desk.wait_for_answers()
    assert ["base says ahoy", f"{adapter.adapter_id} says ahoy"] == desk.answers()
    asked = desk.pipes[0].asked[1].voices[0]
    assert str(adapter.path) == asked.path


def test_an_adapter_added_later_does_not_reload_the_base(desk: Desk) -> None:
    """Switching adapters costs nothing: one child, one load."""
    shelved(desk.places, "Pirate talk")
    desk.look()
    desk.say("one")
    desk.wait_for_answers()
    boxes = desk.page.side.findChildren(QCheckBox)

    next(box for box in boxes if box.text() == "Pirate talk").click()
    desk.bot.waitUntil(lambda: len(desk.model._chosen) == 1)
    desk.say("two")
    desk.wait_for_answers()

    assert 2 == len(desk.answers())
    assert 1 == len(desk.pipes)
    assert 1 == len(desk.pipes[0].loaded)


def test_the_scale_of_an_adapter_goes_with_the_question(desk: Desk) -> None:
    """The slider's value reaches the worker."""
    adapter = shelved(desk.places, "Pirate talk")
    desk.look()
    desk.model.use_adapter(adapter.adapter_id, wanted=True)
    slider = desk.page.side._sliders[adapter.adapter_id]

    slider.spin.setValue(0.5)
    desk.say("ahoy")
    desk.wait_for_answers()

    assert 0.5 == desk.pipes[0].asked[1].voices[0].scale


def test_system_prompt_and_sampling_reach_the_worker(desk: Desk) -> None:
    """What is set in the panel is what is asked."""
    desk.look()
    desk.page.side.system.setPlainText("Be brief.")
    desk.page.side.temperature.spin.setValue(0.7)
    desk.page.side.seed.setValue(7)

    desk.say("hello")
    desk.wait_for_answers()

    asked = desk.pipes[0].asked[0]
    assert {"role": "system", "content": "Be brief."} == dict(asked.messages[0])
    assert (0.7, 7) == (asked.sampling.temperature, asked.sampling.seed)


def test_words_appear_as_they_are_said(desk: Desk) -> None:
    """The page shows a half answer while it streams, and offers Stop."""
    desk.holds.append(True)
    desk.look()

    desk.say("hello")

    desk.bot.waitUntil(lambda: desk.answers() == ["base "])
    desk.bot.waitUntil(desk.page.composer.stop.isVisible)
    assert not desk.page.composer.send.isVisible()
    pane = desk.page.conversation._turns[0]._panes[0]
    desk.bot.waitUntil(
        lambda: pane._plain.isVisible() and pane._plain.text() == "base "
    )

    desk.pipes[0].go_on()
    desk.wait_for_answers()
    assert ["base says hello"] == desk.answers()
    assert "base says hello" == pane._whole.toPlainText().strip()
    assert not pane._plain.isVisible()


def test_escape_stops_and_keeps_what_was_said(desk: Desk) -> None:
    """The rest of the voices are not asked."""
    shelved(desk.places, "Pirate talk")
    desk.holds.append(True)
    desk.look()
    desk.model.use_adapter(desk.model._found.adapters[0].adapter_id, wanted=True)  # type: ignore[union-attr]
    desk.say("hello")
    desk.bot.waitUntil(lambda: desk.answers()[0] == "base ")
    desk.bot.waitUntil(desk.page.composer.stop.isVisible)

    desk.bot.keyClick(desk.page, Qt.Key.Key_Escape)

    desk.wait_for_answers()
    assert ["base ", ""] == desk.answers()
    assert 1 == len(desk.pipes[0].asked)


def test_a_worker_that_dies_leaves_every_word_and_a_way_on(desk: Desk) -> None:
    """Killed in mid-answer: told, kept, loaded again by one click."""
    desk.holds.append(True)
    desk.look()
    desk.say("hello")
    desk.bot.waitUntil(lambda: desk.answers() == ["base "])

    desk.pipes[0].end(-9)

    desk.bot.waitUntil(desk.page.notice.isVisible)
    assert "most likely for want of memory" in desk.page.notice.words[0]
    assert ["base "] == desk.answers()
    assert "" == desk.lease.taken_by

    desk.holds.clear()
    button = desk.page.notice.findChildren(QAbstractButton)
    next(b for b in button if b.text() == "Load again").click()
    desk.bot.waitUntil(lambda: desk.page.side.state.text == "Ready")
    desk.say("again")
    desk.wait_for_answers()
    assert ["base says again"] == desk.answers()


def test_a_base_that_cannot_be_loaded_is_told(desk: Desk) -> None:
    """The worker's words and hint stand on the page, and the prompt is not lost."""
    desk.look()
    desk.model.load()
    desk.bot.waitUntil(lambda: desk.page.side.state.text == "Ready")

    desk.pipes[0].say(
        ChatFailed(code="memory.out", message="There is no room.", hint="Try 4 bit.")
    )

    desk.bot.waitUntil(desk.page.notice.isVisible)
    assert ("There is no room.", "Try 4 bit.") == desk.page.notice.words


def test_again_asks_the_last_prompt_anew(desk: Desk) -> None:
    """With a temperature the seed moves on, or it would say the same."""
    desk.look()
    desk.model.set_sampling(Sampling(temperature=0.7, seed=7))
    desk.say("hello")
    desk.wait_for_answers()

    desk.page.composer.redo.click()
    desk.wait_for_answers()

    assert 1 == len(desk.model.transcript.turns)
    assert [7, 8] == [order.sampling.seed for order in desk.pipes[0].asked]


def test_edit_takes_the_last_prompt_back(desk: Desk) -> None:
    """Into the field, without losing what was being written there."""
    desk.look()
    desk.say("hello")
    desk.wait_for_answers()
    desk.page.composer.field.setPlainText("half a thought")

    desk.page.composer.edit.click()

    assert "hello\nhalf a thought" == desk.page.composer.field.toPlainText()
    assert () == desk.model.transcript.turns


def test_a_new_chat_can_be_undone(desk: Desk) -> None:
    """A slip of the hand costs nothing."""
    desk.look()
    desk.say("hello")
    desk.wait_for_answers()

    desk.page.new.click()
    assert () == desk.model.transcript.turns
    undo = desk.toasts[0][1]
    assert callable(undo)
    undo()

    assert ["base says hello"] == desk.answers()


def test_the_exact_prompt_can_be_looked_at(desk: Desk) -> None:
    """Template and all, as plain text."""
    desk.look()
    desk.say("hello")
    desk.wait_for_answers()
    buttons = desk.page.conversation.findChildren(QAbstractButton)

    next(b for b in buttons if b.accessibleName() == "Show the exact prompt").click()

    dialog = desk.page.findChild(QDialog)
    assert dialog is not None
    shown = dialog.findChild(QPlainTextEdit)
    assert shown is not None
    assert "<s>hello" == shown.toPlainText()
    dialog.close()


def test_a_conversation_is_saved_as_training_data(desk: Desk, tmp_path: Path) -> None:
    """The file is a JSONL row in the messages format."""
    desk.look()
    desk.say("hello")
    desk.wait_for_answers()
    target = tmp_path / "talk.jsonl"

    desk.model.save_training_data(target, "base starter")

    desk.bot.waitUntil(target.exists)
    row = json.loads(target.read_text(encoding="utf-8"))
    assert ["hello", "base says hello"] == [m["content"] for m in row["messages"]]


def test_a_training_on_the_card_is_not_disturbed(desk: Desk) -> None:
    """The prompt stays in the field until the person decides."""
    desk.busy.append(Busy(run_id="r-1", name="night", is_on_gpu=True))
    desk.look()

    desk.say("hello")

    assert "hello" == desk.page.composer.field.toPlainText()
    assert [] == desk.pipes
    buttons = {b.text(): b for b in desk.page.notice.findChildren(QAbstractButton)}
    buttons["Show the run"].click()
    assert [("runs", "r-1")] == desk.opened

    buttons["Load anyway"].click()
    desk.bot.waitUntil(lambda: desk.page.side.state.text == "Ready")


def test_a_run_that_is_started_gets_the_card(desk: Desk) -> None:
    """The chat unloads by itself, keeps the words and says why."""
    desk.look()
    desk.model.load()
    desk.bot.waitUntil(lambda: desk.page.side.state.text == "Ready")

    desk.busy.append(Busy(run_id="r-1", name="night", is_on_gpu=True))
    desk.model.on_run_started()

    assert "" == desk.lease.taken_by
    desk.bot.waitUntil(desk.page.notice.isVisible)
    assert "make room for a training" in desk.page.notice.words[0]


def test_nothing_loads_beside_a_training_until_the_person_says_so(desk: Desk) -> None:
    """Neither the Load button nor a prompt gets around the notice."""
    desk.busy.append(Busy(run_id="r-1", name="night", is_on_gpu=True))
    desk.look()

    desk.model.load()
    assert desk.model.engine.is_idle

    desk.model.load_anyway()
    desk.bot.waitUntil(lambda: desk.page.side.state.text == "Ready")


def test_on_the_processor_chat_and_training_go_side_by_side(desk: Desk) -> None:
    """There is no card to make room on."""
    desk.look()
    desk.model.load()
    desk.bot.waitUntil(lambda: desk.page.side.state.text == "Ready")

    desk.busy.append(Busy(run_id="r-1", name="night", is_on_gpu=False))
    desk.model.on_run_started()

    desk.say("hello")
    desk.wait_for_answers()
    assert ["base says hello"] == desk.answers()


def test_another_base_unloads_this_one_and_keeps_the_words(desk: Desk) -> None:
    """4 bit or another base means a new child; the conversation stays."""
    desk.look()
    desk.say("hello")
    desk.wait_for_answers()

    desk.page.side.quantized.click()

    assert "Not loaded" == desk.page.side.state.text
    assert ["base says hello"] == desk.answers()
    desk.say("two")
    desk.wait_for_answers()
    assert [False, True] == [pipe.loaded[0].quantized for pipe in desk.pipes]


def test_an_adapter_whose_base_is_gone_is_explained(desk: Desk) -> None:
    """It names the base and the way to get it."""
    adapter = shelved(desk.places, "Far", base="far/away")
    desk.look()

    desk.page.open_with(adapter.adapter_id)

    desk.bot.waitUntil(desk.page.problem.isVisible)
    assert "far/away" in desk.page.problem.words[0]
    assert [] == desk.pipes


def test_answers_are_never_read_as_markup(desk: Desk) -> None:
    """A model may say HTML; it is shown, not obeyed."""
    desk.look()

    desk.say("<img src=file:///etc/passwd><b>bold</b>")
    desk.wait_for_answers()

    said = desk.page.conversation.findChildren(QPlainTextEdit)
    assert [] == said
    assert "<b>bold</b>" in desk.answers()[0]
    panes = desk.page.conversation._turns[0]._panes
    assert "<b>bold</b>" in panes[0]._whole.toPlainText()


def test_shift_enter_begins_a_line(desk: Desk) -> None:
    """Only Enter alone sends."""
    desk.look()
    field = desk.page.composer.field
    field.setPlainText("one")
    field.moveCursor(field.textCursor().MoveOperation.End)

    desk.bot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)

    assert "one\n" == field.toPlainText()
    assert [] == desk.pipes


def test_the_panel_makes_room_for_the_words(desk: Desk) -> None:
    """In a narrow window it hides by itself, unless the person wants it."""
    assert desk.page.side.isVisible()
    desk.page.setMinimumWidth(1)  # else the letters decide how narrow it gets

    desk.page.resize(700, 700)
    assert not desk.page.side.isVisible()

    desk.page.panel_button.click()
    assert desk.page.side.isVisible()

    desk.page.resize(720, 700)
    assert desk.page.side.isVisible()


def test_an_adapter_that_is_gone_is_explained(desk: Desk) -> None:
    """A link to an adapter in the trash says where to look."""
    desk.look()

    desk.page.open_with("no-such-adapter")

    desk.bot.waitUntil(desk.page.problem.isVisible)
    assert "no-such-adapter" in desk.page.problem.words[0]


def test_long_names_do_not_push_the_panel_out_of_the_window(desk: Desk) -> None:
    """A name of 120 letters is cut in the panel and told whole on hover."""
    name = "x" * 120
    shelved(desk.places, name)
    desk.look()

    side = desk.page.side
    boxes = [box for box in side.findChildren(QCheckBox) if name in box.toolTip()]

    assert 1 == len(boxes)
    assert boxes[0].text().endswith("…")
    assert side.widget().minimumSizeHint().width() <= side.width()


def test_a_damaged_adapter_is_refused_in_words(desk: Desk) -> None:
    """What is wrong with it is said, and no model is loaded for it."""
    adapter = shelved(desk.places, "Pirate talk")
    (adapter.path / "adapter_model.safetensors").write_bytes(b"half")

    desk.page.open_with(adapter.adapter_id)

    desk.bot.waitUntil(desk.page.problem.isVisible)
    assert "Pirate talk" in desk.page.problem.words[0]
    assert desk.page.problem.words[1]
    assert "damaged" in desk.page.problem.words[0]
    assert [] == desk.pipes


def test_the_page_says_before_loading_whether_it_fits(desk: Desk) -> None:
    """A verdict in a shape and a word, with the figures; loading is never refused."""
    side = desk.page.side
    desk.look()
    desk.bot.waitUntil(side.fit.isVisible)

    assert "Fits" == side.fit.text
    assert "6.00\u00a0GiB\u00a0free" in side.fit_detail.text()
    assert side.load.isVisible()


def test_too_little_memory_is_said_and_not_forbidden(desk: Desk) -> None:
    """The line turns, the button stays; a model that was unloaded is asked about anew."""
    side = desk.page.side
    desk.look()
    desk.bot.waitUntil(side.fit.isVisible)

    desk.free_bytes[0] = 8 << 20
    desk.model.refresh()
    desk.bot.waitUntil(lambda: side.fit.text == "Too large")

    desk.model.load()
    desk.bot.waitUntil(lambda: side.state.text == "Ready")
    assert not side.fit.isVisible()

    desk.free_bytes[0] = 6 << 30
    desk.model.unload()
    desk.bot.waitUntil(lambda: side.fit.isVisible() and side.fit.text == "Fits")


def test_a_base_nobody_can_size_up_has_no_answer(qtbot: QtBot, tmp_path: Path) -> None:
    """No guess, and no error in the window either: loading will say why."""
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    facts = ModelFacts(id="odd", name="odd", source="local", path=tmp_path)
    fitting = Fitting(Places(home=tmp_path / "home").make())

    with qtbot.waitSignal(fitting.answered):
        fitting.look(
            FitQuestion(base=facts, adapters=(), quantized=False, context=2048)
        )

    assert fitting.found == FitAnswer()


def test_four_bits_are_advised_where_only_they_fit(tmp_path: Path) -> None:
    """With their own figure; never where they would not do either."""
    base = ModelFacts(id="meta-llama/Llama-3.1-8B", name="Llama", source="catalogue")
    question = FitQuestion(base=base, adapters=(), quantized=False, context=2048)
    places = Places(home=tmp_path)

    def answer(gpu_memory: int) -> FitAnswer:
        return weighed(question, places, device_budget(gpu_memory=gpu_memory))

    middle = answer(10 << 30)
    assert middle.estimate is not None
    assert middle.leaner is not None
    assert not middle.estimate.fits
    assert middle.leaner.fits
    assert answer(24 << 30).leaner is None
    assert answer(4 << 30).leaner is None


def test_a_long_verdict_keeps_to_the_panel(desk: Desk) -> None:
    """The figures wrap beside it; the panel is no wider for them."""
    side = desk.page.side
    desk.blender.append(GpuProcess(pid=1, name="blender", used=8 << 30))
    desk.free_bytes[0] = 8 << 20
    desk.look()
    desk.bot.waitUntil(lambda: side.fit.text == "Close others first")

    assert "blender" in side.fit_detail.toolTip()
    assert side.widget().minimumSizeHint().width() <= side.width()
