"""A newcomer's way through the window, with a picture of every page.

``python -m tests.tour OUT`` picks the starter model, takes the starter data, looks at
the fit, trains with LoRA, finds the adapter in the library and asks base and adapter
the same thing; without a screen, with a real engine. Then every page is pictured light
and dark, at 100 % and 200 %.

    --steps N        optimiser steps (default 40); 0: as many as the demo
    --home DIR       keep everything there; a home with a finished run is not trained anew
    --once           only light at 100 %
    --pages a,b      picture only these pages, in all four looks
    --readme DIR     also write the README's pictures there
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOOKS = (("light", 1), ("dark", 1), ("light", 2), ("dark", 2))
PAGES = ("home", "train", "runs", "library", "chat", "models", "fits", "settings")
README = {
    "run-light-100": "run",
    "chat-dark-100": "chat",
    "train-4-fit-light-100": "fit",
    "library-light-100": "library",
    "fits-light-100": "fits",
    "fits-map-dark-100": "fits-map",
}
ANSWER_TOKENS = 90
PROMPT = "What is a good way to start the day?"


class TourFailed(Exception):
    """Something a newcomer waits for did not come."""


class Tour:
    """Drives one window and pictures what it shows."""

    def __init__(self, out: Path, home: Path, look: tuple[str, int]) -> None:
        from PySide6.QtWidgets import QApplication

        from app.session import Session
        from core.places import places

        self.app = QApplication.instance() or QApplication([])
        self.out = out
        self.look = look
        os.environ["TUNESMITH_HOME"] = str(home)
        self.session = Session(self.app, places().make())  # type: ignore[arg-type]
        self.session.services.settings.change(appearance=look[0])
        self.session.restyle()
        self.window = self.session.window
        self.session.show()
        self.window.setGeometry(0, 0, 1280, 860)
        self.session.start()
        self.wait(1500)

    def wait(self, milliseconds: int) -> None:
        """Let the window live for a while."""
        from PySide6.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop.quit)
        loop.exec()

    def until(self, done: Callable[[], object], what: str, *, most_s: float) -> None:
        """Wait until `done`, or say that `what` did not come."""
        begun = time.monotonic()
        while not done():
            if time.monotonic() - begun > most_s:
                self.picture("failed")
                raise TourFailed(f"waited {most_s:.0f} s in vain for: {what}")
            self.wait(200)
        self.say(f"{what} ({time.monotonic() - begun:.1f} s)")

    def picture(self, name: str) -> None:
        """Save the window as ``name-light-100.png``."""
        self.wait(500)
        file = self.out / f"{name}-{self.look[0]}-{self.look[1] * 100}.png"
        if not self.window.grab().save(str(file)):
            raise TourFailed(f"{file} could not be written")

    def say(self, text: str) -> None:
        """Tell the person at the terminal."""
        print(text, file=sys.stderr, flush=True)

    def page(self, key: str) -> Any:
        """Open page `key` and return it."""
        self.window.open_page(key)
        self.wait(700)
        return self.window.page(key)

    def end(self) -> None:
        """Close the window in order."""
        self.window.close()
        self.session.end()
        self.window.deleteLater()
        self.wait(50)

    # -- the way -----------------------------------------------------------------

    def walk(self, *, steps: int) -> None:
        """From the first start to chatting with an adapter of one's own."""
        self.page("home")
        self.picture("home-first")
        self._choose_model()
        self._choose_data()
        self._choose_method(steps)
        self._look_at_fit()
        self._train()
        self._find_in_library()
        self._chat()

    def _choose_model(self) -> None:
        from app.setup.model_view import ModelCard

        train = self.page("train")
        model = train.model_step
        self.until(lambda: model.list.cards, "models are listed", most_s=120)
        self.picture("train-1-model-list")
        starter: ModelCard = model.list.cards[0]
        model.list.picked.emit(starter.id)
        self.wait(600)
        self.picture("train-1-model")
        if train.model.view.model.way != "none":
            train.model.make_model_ready()
            self.wait(2500)
            self.picture("train-1-model-unpacking")
        self.until(
            lambda: train.model.view.model.chosen_tone == "good",
            "the starter model is ready",
            most_s=180,
        )

    def _choose_data(self) -> None:
        train = self.page("train")
        train.model.go_to("data")
        self.wait(300)
        self.picture("train-2-data-empty")
        train.data_step.starter.click()
        state = train.model
        self.until(
            lambda: (
                state.state.data.report is not None and not state.state.data.is_stale
            ),
            "the starter data is examined",
            most_s=120,
        )
        self.wait(1500)
        self.picture("train-2-data")

    def _choose_method(self, steps: int) -> None:
        train = self.page("train")
        train.model.go_to("method")
        train.model.choose_method("lora")
        wanted: dict[str, object] = {
            "train.max_steps": steps, "train.epochs": 1.0, "train.batch_size": 4,
            "train.gradient_accumulation": 1, "train.seq_len": 128,
            "train.learning_rate": 1e-3, "data.eval_fraction": 0.15,
            "train.gradient_checkpointing": False,
        }  # fmt: skip
        for key, value in wanted.items():
            train.model.set_value(key, value)
        train.model.set_value("name", "My first adapter")
        self.wait(600)
        self.picture("train-3-method")

    def _look_at_fit(self) -> None:
        train = self.page("train")
        train.model.go_to("fit")
        train.model.compare_all(compares=True)
        self.wait(1000)
        self.picture("train-4-fit")
        train.model.go_to("start")
        self.wait(600)
        self.picture("train-5-start")

    def _train(self) -> None:
        start = self.page("train").start_step.start
        self.until(start.isEnabled, "the run may start", most_s=120)
        start.click()
        self.until(
            lambda: self.window.current_key == "runs",
            "the run's page opens",
            most_s=120,
        )

        def running() -> Any:
            runs: Any = self.session.services.pulse.runs or ()
            return runs[0] if runs else None

        def is_half_done() -> bool:
            run = running()
            return run is not None and (
                run.status == "failed" or (run.steps and run.step * 2 >= run.steps)
            )

        self.until(is_half_done, "half of the training is done", most_s=600)
        self.picture("run-live")
        self.until(
            lambda: running().status in ("done", "failed"), "the run ends", most_s=600
        )
        if running().status != "done":
            raise TourFailed(f"the training failed: {running().problem}")
        self.wait(1500)
        self.picture("run")

    def _find_in_library(self) -> None:
        self.page("library")
        self.picture("library")

    def _chat(self) -> None:
        from core.chat.events import Sampling

        adapter = self._newest_adapter()
        chat = self.page("chat")
        self.window.open_page("chat", adapter)
        self.until(
            lambda: adapter in chat._model._chosen and chat._model._view().can_send,
            "base and adapter are chosen",
            most_s=120,
        )
        self.wait(1500)
        # Short enough that question and both answers are on one picture.
        chat._model.set_sampling(Sampling(max_tokens=ANSWER_TOKENS))
        chat.composer.field.setPlainText(PROMPT)
        chat.composer.send.click()

        def answered() -> bool:
            view = chat._model._view()
            turns = view.turns
            answers = turns[-1].answers if turns else ()
            has_all = len(answers) > 1 and all(
                one.text or one.problem for one in answers
            )
            return has_all and not view.is_answering

        self.until(answered, "base and adapter have answered", most_s=240)
        self.picture("chat")

    def _newest_adapter(self) -> str:
        from core.library.shelf import all_adapters

        found = all_adapters(self.session.services.places)
        if not found:
            raise TourFailed("no adapter came into the library")
        return max(found, key=lambda one: one.created).adapter_id

    # -- pictures only -------------------------------------------------------------

    def look_at_pages(self, keys: tuple[str, ...], *, asks: bool) -> None:
        """Picture each page of a home that has a finished run."""
        for key in keys:
            self.page(key)
            if key == "train":
                self._picture_steps()
            elif key == "runs":
                self._picture_run()
            elif key == "fits":
                self._picture_fits()
            elif key == "chat" and asks:
                self._chat()
            else:
                self.picture(key)
        if len(keys) == len(PAGES):
            self._picture_small_things()

    def _picture_steps(self) -> None:
        from app.setup.state import STEPS

        train = self.page("train")
        for at, step in enumerate(STEPS, start=1):
            train.model.go_to(step)
            self.wait(900)
            self.picture(f"train-{at}-{step}")

    def _picture_fits(self) -> None:
        """Picture the whole page for a model and a card, a screen at a time."""
        page = self.page("fits")
        page.model.choose_model("Qwen/Qwen3-4B")
        page.model.choose_method("qlora")
        page.model.choose_cell(2, 1024)
        page.model.set_value("train.gradient_checkpointing", value=True)
        page.model.ask_device("RTX 4070")
        self.until(
            lambda: (
                page.model.state.prices
                and page.model.state.cards
                and not page.model.state.are_prices_old
            ),
            "every model has its price",
            most_s=120,
        )
        self.wait(600)
        self.picture("fits")
        bar = page.body.verticalScrollBar()
        for name, part in (
            ("fits-map", page.heat),
            ("fits-models", page.grid),
            ("fits-parts", page.figures),
            ("fits-cards", page.cards),
        ):
            bar.setValue(part.y())
            self.picture(name)

    def _picture_run(self) -> None:
        self.picture("runs")
        runs: Any = self.session.services.pulse.runs or ()
        if runs:
            self.window.open_page("runs", runs[0].run_id)
            self.wait(1200)
            self.picture("run")

    def _picture_small_things(self) -> None:
        from PySide6.QtWidgets import QDialog

        self.page("home")
        for name, show in (
            ("commands", self.window._show_commands),
            ("help", self.window._show_help),
        ):
            show()
            self.wait(300)
            dialog = [d for d in self.window.findChildren(QDialog) if d.isVisible()][-1]
            file = f"{name}-{self.look[0]}-{self.look[1] * 100}.png"
            dialog.grab().save(str(self.out / file))
            dialog.close()


def _one_look(arguments: argparse.Namespace) -> None:
    """Run in a process of its own: a scale is fixed before Qt starts."""
    appearance, _, scale = arguments.look.partition(":")
    tour = Tour(arguments.out, arguments.home, (appearance, int(scale)))
    try:
        if arguments.walk:
            tour.walk(steps=arguments.steps)
        keys = tuple(arguments.pages.split(",")) if arguments.pages else PAGES
        tour.look_at_pages(keys, asks=not arguments.walk)
    finally:
        tour.end()


def _child(arguments: argparse.Namespace, look: tuple[str, int], *more: str) -> None:
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"),
        "QT_SCALE_FACTOR": str(look[1]),
    }
    command = [
        sys.executable, "-m", "tests.tour", str(arguments.out),
        "--home", str(arguments.home), "--look", f"{look[0]}:{look[1]}",
        "--steps", str(arguments.steps), "--pages", arguments.pages, *more,
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def _has_finished_run(home: Path) -> bool:
    return any(home.glob("library/*/adapter_config.json"))


def _tour(arguments: argparse.Namespace) -> None:
    first = not arguments.pages and not _has_finished_run(arguments.home)
    for at, look in enumerate(LOOKS[:1] if arguments.once else LOOKS):
        print(f"{look[0]}, {look[1] * 100} %", file=sys.stderr, flush=True)
        _child(arguments, look, *(["--walk"] if first and at == 0 else []))
    pictures = sorted(arguments.out.glob("*.png"))
    print(f"{len(pictures)} pictures in {arguments.out}", file=sys.stderr)
    if arguments.readme is not None:
        arguments.readme.mkdir(parents=True, exist_ok=True)
        for name, target in README.items():
            source = arguments.out / f"{name}.png"
            (arguments.readme / f"{target}.png").write_bytes(source.read_bytes())


def main() -> int:
    """Return 0 when the whole way was walked and every picture taken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--pages", default="")
    parser.add_argument("--once", action="store_true", help="light at 100 %% alone")
    parser.add_argument("--readme", type=Path)
    parser.add_argument("--look", help=argparse.SUPPRESS)
    parser.add_argument("--walk", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.out = arguments.out.absolute()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.look:
        _one_look(arguments)
        return 0
    with tempfile.TemporaryDirectory(prefix="tunesmith-tour-") as own:
        arguments.home = (arguments.home or Path(own)).absolute()
        try:
            _tour(arguments)
        except subprocess.CalledProcessError as err:
            return err.returncode or 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
