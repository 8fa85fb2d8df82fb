"""The commands and their arguments, as argparse knows them. Handlers load when called.

Options that every command takes may stand before or after it: they are defined on every
parser with no default, so that the inner one never overwrites what the outer one read.
"""

import argparse
import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Never, cast

from core.cli.plan_flags import add_plan_flags
from core.cli.use_flags import add_use_flags
from core.errors import RequestError

_LATER = ("export", "eval", "serve", "import", "merge")
_INVALID = re.compile(r"argument [A-Z_]+: invalid choice: '([^']*)'")


class Parser(argparse.ArgumentParser):
    """An argument parser whose mistakes are `RequestError`, never an exit."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> Never:
        """Raise the mistake `message`, with the nearest command where one is meant."""
        invalid = _INVALID.match(message)
        if invalid:
            raise _unknown_command(invalid.group(1), [*self.commands()], self.prog)
        raise RequestError(
            "usage",
            f"{message[:1].upper()}{message[1:]}.",
            hint=f"“{self.prog} --help” shows how it is written.",
        )

    def commands(self) -> "dict[str, Parser]":
        """Return the parsers of this parser's own sub-commands, by name."""
        found: dict[str, Parser] = {}
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
                found |= cast("dict[str, Parser]", action.choices)  # pyright: ignore[reportUnknownMemberType]
        return found

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Return what `words` say.

        Raises:
            RequestError: Something in them is not known; names the nearest flag.
        """
        arguments, strange = self.parse_known_args(words)
        if not strange:
            return arguments
        called = self._called(words)
        flags = [flag for flag in called._option_string_actions if flag[:2] == "--"]  # noqa: SLF001
        named = strange[0].partition("=")[0]
        near = difflib.get_close_matches(named, flags, 1, 0.6)
        raise RequestError(
            "usage",
            f"“{called.prog}” does not know {' '.join(strange)}.",
            hint=f"Did you mean {near[0]}?"
            if near
            else f"“{called.prog} --help” lists what it takes.",
        )

    def _called(self, words: Sequence[str]) -> "Parser":
        """Return the parser of the innermost command that `words` name."""
        inner = self.commands()
        for place, word in enumerate(words):
            if word in inner:
                return inner[word]._called(words[place + 1 :])  # noqa: SLF001
        return self


def _unknown_command(name: str, known: Sequence[str], prog: str) -> RequestError:
    if name in _LATER:
        return RequestError(
            "usage.not_yet",
            f"“{prog} {name}” is not there yet.",
            hint=f"“{prog} --help” lists what this version can do.",
        )
    near = difflib.get_close_matches(name, known, 1, 0.5)
    return RequestError(
        "usage.unknown_command",
        f"There is no command “{prog} {name}”.",
        hint=f"Did you mean “{prog} {near[0]}”?"
        if near
        else f"“{prog} --help” lists the commands.",
    )


def build_parser(version: str) -> Parser:
    """Return the parser of the whole command line."""
    common = _common()
    top = Parser(
        prog="tunesmith",
        description="Fine-tune a language model on your own graphics card."
        " Without arguments the window opens.",
        parents=[common],
    )
    top.add_argument("--version", action="version", version=f"tunesmith {version}")
    commands = top.add_subparsers(
        metavar="COMMAND", dest="command", parser_class=Parser
    )
    _Grower(commands, common).grow()
    return top


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    group = common.add_argument_group("everywhere")
    absent = argparse.SUPPRESS
    group.add_argument(
        "--home", type=_named_folder, metavar="DIR", default=absent,
        help="keep settings, runs, library and models under this folder",
    )  # fmt: skip
    for flag, words in (
        ("--json", "answer with one JSON document on stdout"),
        ("--offline", "make no network call at all"),
        ("--debug", "show a traceback when something fails"),
    ):
        group.add_argument(flag, action="store_true", default=absent, help=words)
    return common


def _named_folder(text: str) -> Path:
    if not text:  # an unset variable of a script; “” would mean the current folder
        raise argparse.ArgumentTypeError("it names no folder")
    return Path(text)


class _Grower:
    """Adds one command after another, each with the options that all share."""

    def __init__(self, commands: Any, common: argparse.ArgumentParser) -> None:
        self._commands = commands
        self._common = common

    def grow(self) -> None:
        self._start()
        self._models()
        self._estimates()
        self._data()
        self._plans()
        self._runs()
        self._library()
        self._trash()
        self._chat()

    def _add(self, into: Any, name: str, handler: str, words: str) -> Parser:
        parser: Parser = into.add_parser(
            name, help=words, description=f"{words[:1].upper()}{words[1:]}.",
            parents=[self._common],
        )  # fmt: skip
        parser.set_defaults(handler=handler)
        return parser

    def _command(self, name: str, handler: str, words: str) -> Parser:
        return self._add(self._commands, name, handler, words)

    def _start(self) -> None:
        demo = self._command(
            "demo",
            "core.cli.demo:demo",
            "train a first adapter on the starter model, offline, in a few minutes",
        )
        demo.add_argument("--steps", type=int, metavar="N", help="optimiser steps")
        demo.add_argument(
            "--out", type=Path, metavar="DIR", help="where the chart goes"
        )
        _events(demo)
        self._command(
            "doctor",
            "core.cli.doctor:doctor",
            "look at hardware, driver and packages, and say how to mend what is wrong",
        )

    def _models(self) -> None:
        models = self._command(
            "models", "core.cli.models:list_models",
            "list the base models, those that fit this machine best first",
        )  # fmt: skip
        _gpu(models)
        inner = models.add_subparsers(metavar="ACTION", parser_class=Parser)
        for name, handler, argument, words in (
            ("list", "list_models", "", "list the base models, the best fit first"),
            ("add", "add", "DIR_OR_ID", "add a folder with a model, or a Hub id"),
            ("show", "show", "MODEL", "show what is known of a model"),
            ("download", "download", "ID", "fetch a model, or make the starter"),
            ("remove", "remove", "MODEL", "take an added model off the list"),
            ("delete", "delete", "MODEL", "move a model on this disk to the trash"),
        ):
            parser = self._add(inner, name, f"core.cli.models:{handler}", words)
            if argument:
                parser.add_argument("model", metavar=argument)
            if name == "list":
                _gpu(parser)
        search = self._add(
            inner, "search", "core.cli.models:search", "search the Hub for models"
        )
        search.add_argument("words", nargs="+", metavar="WORD")

    def _estimates(self) -> None:
        estimate = self._command(
            "estimate",
            "core.cli.estimate:estimate_command",
            "say how much memory a plan needs, and whether it fits",
        )
        estimate.add_argument("--model", required=True, metavar="M", help=_MODEL_HELP)
        _gpu(estimate)
        estimate.add_argument(
            "--loop", choices=("tunesmith", "plain"), default="tunesmith",
            help="price our engine, or a plain peft + transformers loop",
        )  # fmt: skip
        estimate.add_argument(
            "--dry-run", action="store_true",
            help="run the real step without numbers: exact, takes some seconds",
        )  # fmt: skip
        add_use_flags(estimate)
        add_plan_flags(estimate)
        fit = self._command(
            "fit", "core.cli.fit:fit_command", "find the best plan that fits"
        )
        fit.add_argument("--model", metavar="M", help=_MODEL_HELP)
        _gpu(fit)
        fit.add_argument(
            "--keep", metavar="KEY,…", default="", help="settings not to change"
        )
        add_plan_flags(fit)

    def _data(self) -> None:
        data = self._command("data", "", "look at data before training on it")
        inner = data.add_subparsers(metavar="ACTION", parser_class=Parser)
        check = self._add(
            inner, "check", "core.cli.data:check", "name every problem of a data file"
        )
        check.add_argument("files", nargs="+", metavar="FILE")
        preview = self._add(
            inner, "preview", "core.cli.data:preview",
            "show one row as the model sees it, and which tokens are trained on",
        )  # fmt: skip
        preview.add_argument("files", nargs=1, metavar="FILE")
        preview.add_argument(
            "--row", type=int, default=0, metavar="K", help="counted from 0"
        )
        preview.add_argument("--train-on", choices=("answers", "everything"))
        for parser in (check, preview):
            parser.add_argument(
                "--model", metavar="M", help=_MODEL_HELP, required=parser is preview
            )
            parser.add_argument("--seq-len", metavar="N")
            parser.add_argument("--format", metavar="NAME")
            parser.add_argument("--columns", metavar="ROLE=COLUMN,…")
        check.add_argument("--eval-fraction", metavar="X")
        check.add_argument("--seed", metavar="N")

    def _plans(self) -> None:
        plan = self._command("plan", "", "write, print or check a plan file")
        inner = plan.add_subparsers(metavar="ACTION", parser_class=Parser)
        new = self._add(inner, "new", "core.cli.plan:new", "write a plan file")
        new.add_argument("--model", default="starter", metavar="M", help=_MODEL_HELP)
        new.add_argument(
            "--data", action="append", default=[], metavar="FILE",
            help="a file to learn from; may be given several times",
        )  # fmt: skip
        new.add_argument("--out", type=Path, metavar="PLAN.toml")
        new.add_argument("--force", action="store_true", help="replace a file")
        add_plan_flags(new, with_data=True)
        show = self._add(
            inner, "show", "core.cli.plan:show", "print a plan file, or a run's plan"
        )
        show.add_argument("plan", metavar="PLAN_OR_RUN")
        check = self._add(
            inner,
            "check",
            "core.cli.plan:check_command",
            "say what is wrong with a plan",
        )
        check.add_argument("plan", metavar="PLAN")
        _set(check)

    def _runs(self) -> None:
        train = self._command(
            "train", "core.cli.train:train", "train as a plan file says"
        )
        train.add_argument("plan", metavar="PLAN.toml")
        _set(train)
        train.add_argument(
            "--force", action="store_true", help="start even if it would not fit"
        )
        resume = self._command(
            "resume", "core.cli.train:resume", "go on exactly where a run stopped"
        )
        pause = self._command(
            "pause", "core.cli.train:pause", "save a run and free the device"
        )
        stop = self._command("stop", "core.cli.train:stop", "end a run")
        stop.add_argument(
            "--discard", action="store_true", help="drop its adapter and checkpoints"
        )
        for parser in (resume, pause, stop):
            parser.add_argument("run", metavar="RUN")
        for parser in (train, resume):
            _events(parser)
        runs = self._command("runs", "core.cli.runs:list_runs", "list the runs")
        inner = runs.add_subparsers(metavar="ACTION", parser_class=Parser)
        self._add(inner, "list", "core.cli.runs:list_runs", "list the runs")
        show = self._add(
            inner, "show", "core.cli.runs:show", "show a run with its curve"
        )
        delete = self._add(
            inner, "delete", "core.cli.runs:delete", "move a run to the trash"
        )
        for parser in (show, delete):
            parser.add_argument("run", metavar="RUN")

    def _library(self) -> None:
        library = self._command(
            "library", "core.cli.library:list_adapters", "the adapters you trained"
        )
        inner = library.add_subparsers(metavar="ACTION", parser_class=Parser)
        home = "core.cli.library"
        listing = self._add(inner, "list", f"{home}:list_adapters", "list the adapters")
        listing.add_argument("--trash", action="store_true", help="list the trash")
        search = self._add(inner, "search", f"{home}:search", "list those that match")
        search.add_argument("words", nargs="+", metavar="WORD")
        for name, words in (
            ("show", "show everything known of an adapter"),
            ("delete", "move an adapter to the trash"),
            ("restore", "bring an adapter back from the trash"),
            ("verify", "read every byte of an adapter and say whether it is whole"),
            ("rename", "give an adapter another name"),
            ("tag", "add tags to an adapter, or take some away"),
            ("note", "write a note about an adapter"),
            ("star", "star an adapter"),
        ):
            parser = self._add(inner, name, f"{home}:{name}", words)
            parser.add_argument("adapter", metavar="A")
            _edits(parser, name)

    def _trash(self) -> None:
        home = "core.cli.trash"
        trash = self._command(
            "trash", f"{home}:list_trash", "what was deleted and can still come back"
        )
        inner = trash.add_subparsers(metavar="ACTION", parser_class=Parser)
        self._add(inner, "list", f"{home}:list_trash", "list what is in the trash")
        restore = self._add(inner, "restore", f"{home}:restore", "bring one thing back")
        restore.add_argument("id", metavar="ID")
        self._add(inner, "empty", f"{home}:empty", "delete for good, and free the disk")

    def _chat(self) -> None:
        chat = self._command(
            "chat", "core.cli.chat:chat", "ask the base and its adapters"
        )
        chat.add_argument("--model", metavar="M", help=_MODEL_HELP)
        chat.add_argument(
            "--adapter", action="append", default=[], metavar="A[@SCALE]",
            help="an adapter of the library, or a PEFT folder; may be repeated",
        )  # fmt: skip
        chat.add_argument("--prompt", metavar="TEXT", help="ask this and end")
        chat.add_argument("--system", default="", metavar="TEXT")
        chat.add_argument("--max-tokens", type=int, default=256, metavar="N")
        chat.add_argument("--temperature", type=float, default=0.0, metavar="X")
        chat.add_argument("--top-p", type=float, default=1.0, metavar="X")
        chat.add_argument("--seed", type=int, default=42, metavar="N")
        chat.add_argument(
            "--quantized", action="store_true", help="hold the base in 4 bit"
        )
        _events(chat)


_MODEL_HELP = "“starter”, a Hub id, or a folder with a model"


def _events(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--events", action="store_true", help="one JSON object a line, as it happens"
    )


def _set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="settings",
        help="change one key of the plan, such as train.epochs=2",
    )  # fmt: skip


def _gpu(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gpu-memory", metavar="SIZE", help="such as 12GiB")
    parser.add_argument("--gpu", metavar="NAME", help="such as “RTX 4070”")


def _edits(parser: argparse.ArgumentParser, name: str) -> None:
    if name == "rename":
        parser.add_argument("name", metavar="NAME")
    elif name == "tag":
        parser.add_argument("tags", nargs="+", metavar="TAG")
        parser.add_argument("--remove", action="store_true", help="take them away")
    elif name == "note":
        parser.add_argument("text", metavar="TEXT", help="“” removes the note")
    elif name == "star":
        parser.add_argument("--remove", action="store_true", help="take it away")
