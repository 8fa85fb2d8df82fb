"""The chat: one base in a child process, several voices, one prompt."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.chat.answering import Answering
from app.chat.engine import ChatEngine
from app.chat.fitting import Fitting, question_of
from app.chat.present import (
    base_of,
    fits_base,
    is_blocked,
    present,
    usable_models,
    voices,
)
from app.chat.refusals import damaged, no_adapter, no_base, unloaded
from app.chat.transcript import Transcript, as_text, as_training_row
from app.chat.views import Busy, ChatFacts, ChatView
from app.qtwork.background import Background
from app.qtwork.chat_child import Start, start_chat
from app.qtwork.gpu_lease import GpuLease
from app.qtwork.in_order import InOrder
from app.qtwork.navigator import Navigator
from core import durable
from core.chat.events import ChatEvent, Hush, Sampling
from core.errors import ModelError, TunesmithError
from core.hardware.budget import DeviceBudget, device_budget
from core.library.record import AdapterRecord
from core.library.shelf import all_adapters
from core.models.facts import ModelFacts
from core.models.find import all_models, find_model
from core.places import Places

_PAINT_MS: Final = 66  # a person sees no more than 15 pictures a second


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    models: tuple[ModelFacts, ...]
    adapters: tuple[AdapterRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatPorts:
    """What the chat is given from outside."""

    places: Places
    navigator: Navigator
    lease: GpuLease
    busy: Callable[[], Busy | None]
    """The training that runs now, if one does."""
    has_gpu: Callable[[], bool] = lambda: False
    """Whether model and training share a graphics card."""
    start: Start = start_chat
    budget: Callable[[], DeviceBudget] = device_budget
    """Where the chat would be loaded, and what is free there; asked off this thread."""


class ChatViewModel(QObject):
    """What the Chat page shows.

    Signals:
        changed (ChatView): the page is to be painted; at most 15 times a second.
        draft_wanted (str): put this prompt back into the field, to be edited.
        failed (TunesmithError): something could not be read or written.
    """

    changed = Signal(object)
    draft_wanted = Signal(str)
    failed = Signal(object)

    def __init__(self, ports: ChatPorts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ports = ports
        self._found: _Found | None = None
        self._base_id = ""
        self._wanted_adapter = ""
        self._with_base = True
        self._chosen: tuple[str, ...] = ()
        self._scales: dict[str, float] = {}
        self._sampling = Sampling()
        self._quantized = False
        self._busy_allowed = False
        self._answering = Answering()
        self.engine = ChatEngine(ports.lease, start=ports.start, parent=self)
        self.engine.changed.connect(self._schedule)
        self.engine.heard.connect(self._on_heard)
        self.engine.arrived.connect(self._schedule)
        self.engine.became_ready.connect(self._pump)
        self.engine.lost.connect(self._on_lost)
        self.engine.made.connect(self.refresh)
        self._fitting = Fitting(ports.places, budget=ports.budget, parent=self)
        self._fitting.answered.connect(self._schedule)
        self.engine.changed.connect(self._fitting.forget)
        self._reading = Background(self)
        self._reading.answered.connect(self._on_read)
        self._reading.failed.connect(self.failed)
        self._writing = InOrder(self)
        self._writing.failed.connect(self.failed)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAINT_MS)
        self._timer.timeout.connect(self.publish)

    # -- choosing ---------------------------------------------------------------

    @Slot()
    def refresh(self) -> None:
        """Look for models and adapters again."""
        places = self._ports.places
        self._fitting.forget()
        self._reading.ask(lambda: _read(places))

    def talk_to(self, adapter_id: str) -> None:
        """Show the base beside this adapter, and begin to load."""
        self._wanted_adapter = adapter_id
        self.refresh()

    def pick_base(self, base_id: str) -> None:
        """Talk to another base; the conversation stays."""
        if base_id == self._base_id:
            return
        self.unload()
        self._base_id = base_id
        base = self._base()
        self._chosen = tuple(
            record.adapter_id
            for record in (self._found.adapters if self._found else ())
            if record.adapter_id in self._chosen and base and fits_base(record, base)
        )
        self.publish()

    def use_base(self, wanted: bool) -> None:  # noqa: FBT001 - a setter
        """Let the base answer as well, or not."""
        self._with_base = wanted
        self.publish()

    def use_adapter(self, adapter_id: str, *, wanted: bool) -> None:
        """Add a column for an adapter, or take it away; the base stays loaded."""
        others = tuple(one for one in self._chosen if one != adapter_id)
        self._chosen = (*others, adapter_id) if wanted else others
        self.publish()

    def set_scale(self, adapter_id: str, scale: float) -> None:
        """Weigh an adapter: 0 is the base, 1 is as trained."""
        self._scales[adapter_id] = scale
        self.publish()

    def set_sampling(self, sampling: Sampling) -> None:
        """Draw answers otherwise from the next prompt on."""
        self._sampling = sampling
        self.publish()

    def set_system(self, text: str) -> None:
        """Begin every conversation with this system prompt; "" with none."""
        transcript = self._answering.transcript
        self._answering.transcript = replace(transcript, system=text.strip())

    def set_quantized(self, quantized: bool) -> None:  # noqa: FBT001 - a setter
        """Hold the base in 4 bit, as QLoRA trains; takes effect by loading again."""
        if quantized != self._quantized:
            self._quantized = quantized
            self.unload()

    # -- talking ----------------------------------------------------------------

    def load(self) -> None:
        """Load the base now."""
        base = self._base()
        if base is None or not self.engine.is_idle or is_blocked(self._facts(), base):
            return
        if base.path is None:
            self.engine.make_starter(self._ports.places.home)
        else:
            self.engine.load(base.path, quantized=self._quantized)

    def load_anyway(self) -> None:
        """Load although a training has the device."""
        self._busy_allowed = True
        self.load()

    @Slot()
    def unload(self) -> None:
        """Free the device, or stop loading; the conversation stays."""
        self._answering.stop()
        self._answering.fail(unloaded())
        self.engine.unload()
        self.publish()

    def send(self, prompt: str) -> bool:
        """Ask every voice; return whether the prompt was taken."""
        text = prompt.strip()
        if not text or not self._view().can_send:
            return False
        self._answering.begin(text, voices(self._facts()), self._sampling)
        self.load()
        self._pump()
        self.publish()
        return True

    def stop(self) -> None:
        """Say no more; what was said stands."""
        self._answering.stop()
        if self.engine.state.phase == "ready":
            self.engine.send(Hush())
            self.publish()
        else:
            self.unload()

    def redo(self) -> None:
        """Answer the last prompt again, with the settings of now."""
        if not self._view().can_redo:
            return
        if self._sampling.temperature > 0:
            # the same seed would say the same again
            self._sampling = replace(self._sampling, seed=self._sampling.seed + 1)
        self.send(self._answering.take_back())

    def edit_last(self) -> None:
        """Take the last prompt back into the field."""
        if self._view().can_take_back:
            self.draft_wanted.emit(self._answering.take_back())
            self.publish()

    def begin_anew(self) -> None:
        """Clear the conversation, with a way back."""
        old = self._answering.transcript
        if not self._view().can_take_back:
            return
        self._answering.transcript = Transcript(system=old.system)
        self.publish()

        def bring_back() -> None:
            if not self._answering.open_answers:
                self._answering.transcript = old
                self.publish()

        self._ports.navigator.toast(
            "A new conversation.", action="Undo", run=bring_back
        )

    def save_text(self, path: Path) -> None:
        """Write the whole conversation as plain text."""
        self._write(path, as_text(self._answering.transcript))

    def save_training_data(self, path: Path, key: str) -> None:
        """Write one voice's conversation as a line of JSONL."""
        self._write(path, as_training_row(self._answering.transcript, key))

    @property
    def transcript(self) -> Transcript:
        """The conversation so far."""
        return self._answering.transcript

    def show_run(self) -> None:
        """Show the training that runs."""
        busy = self._ports.busy()
        self._ports.navigator.open("runs", busy.run_id if busy else None)

    def shut_down(self) -> None:
        """End the child and its thread: for closing the window."""
        self._timer.stop()
        self._reading.cancel()
        self._fitting.cancel()
        self.engine.shut_down()

    @Slot()
    def publish(self) -> None:
        """Tell what there is to paint, now."""
        self._timer.stop()
        self._fitting.look(question_of(self._facts(), self._base()))
        self.changed.emit(self._view())

    @Slot()
    def on_runs_changed(self) -> None:
        """A training began or ended."""
        if self._ports.busy() is None:
            self._busy_allowed = False
        self.publish()

    @Slot()
    def on_run_started(self) -> None:
        """Make room on the graphics card for a training that has just been started."""
        if self._ports.has_gpu() and not self.engine.is_idle:
            self._ports.lease.ask_back()

    # -- inside -----------------------------------------------------------------

    def _view(self) -> ChatView:
        return present(self._facts())

    def _facts(self) -> ChatFacts:
        found = self._found
        return ChatFacts(
            models=found.models if found else None,
            adapters=found.adapters if found else (),
            base_id=self._base_id,
            with_base=self._with_base,
            chosen=self._chosen,
            scales=self._scales,
            sampling=self._sampling,
            quantized=self._quantized,
            engine=self.engine.state,
            transcript=self._answering.transcript,
            asked=self._answering.open_answers,
            busy=self._ports.busy(),
            busy_allowed=self._busy_allowed,
            fit=self._fitting.found.estimate,
            leaner=self._fitting.found.leaner,
        )

    def _base(self) -> ModelFacts | None:
        models = usable_models(self._found.models if self._found else ())
        return next((m for m in models if m.id == self._base_id), None)

    @Slot()
    def _schedule(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    @Slot()
    def _pump(self) -> None:
        """Send the next question, if the engine is ready for one."""
        if self.engine.state.phase == "ready":
            order = self._answering.next_order()
            if order is not None:
                self.engine.send(order)

    def _write(self, path: Path, text: str) -> None:
        def write() -> object:
            durable.replace_text(path, text)
            return path

        self._writing.ask(write)

    @Slot(object)
    def _on_heard(self, event: ChatEvent) -> None:
        if self._answering.hear(event):
            self._pump()

    @Slot(object)
    def _on_lost(self, error: TunesmithError) -> None:
        self._answering.stop()
        self._answering.fail(error)
        self.publish()

    @Slot(object)
    def _on_read(self, answer: object) -> None:
        self._found = found = cast("_Found", answer)
        self._meet_wish(found)
        if not self._base_id:
            first = next(iter(usable_models(found.models)), None)
            self._base_id = first.id if first else ""
        self.publish()
        if self._answering.open_answers:  # they waited for the starter to be made
            self.load()

    def _meet_wish(self, found: _Found) -> None:
        """Set the columns up for the adapter somebody asked to try."""
        wanted, self._wanted_adapter = self._wanted_adapter, ""
        record = next((r for r in found.adapters if r.adapter_id == wanted), None)
        if record is None:
            if wanted:
                self.failed.emit(no_adapter(wanted))
            return
        if not record.ok:
            self.failed.emit(damaged(record))
            return
        base = base_of(record, found.models)
        if base is None:
            self.failed.emit(no_base(record))
            return
        if base.id != self._base_id:
            self.pick_base(base.id)
        self._chosen = (record.adapter_id,)
        self._with_base = True
        if not self._view().notice:
            self.load()


def _read(places: Places) -> _Found:
    models = all_models(places)
    adapters = tuple(all_adapters(places))
    known = {model.id for model in models}
    # a base in a folder that nobody added to the list is still a base
    for name in dict.fromkeys(record.base_model for record in adapters if record.ok):
        if name and name not in known and Path(name).is_dir():
            with contextlib.suppress(ModelError):
                models = (*models, find_model(name, places))
    return _Found(models=models, adapters=adapters)
