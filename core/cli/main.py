"""From arguments to an exit status, with every failure in words."""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from core import __version__
from core.cli.console import Console, standard_console
from core.cli.parser import build_parser
from core.cli.request import FailedWith, Handler, Request
from core.durable import translated
from core.errors import Interrupted, RequestError, TunesmithError, WorkFailed
from core.places import places

Window = Callable[[], int]
"""Opens the window and returns its exit status. `core` knows no more of it."""


def main(argv: Sequence[str] | None = None, *, window: Window | None = None) -> int:
    """Do what `argv` asks and return the exit status of interfaces.md.

    0 done, 1 the work failed, 2 the request was wrong, 3 it would not fit, 130 interrupted.

    Args:
        argv: The arguments; those of this process if none.
        window: What opens when `argv` names no command, only places.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    # read before parsing, so that a mistake in the arguments is told as asked, too
    console = standard_console(as_json="--json" in words, as_events="--events" in words)
    try:
        status = _answered(words, console, window)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _answered(words: list[str], console: Console, window: Window | None) -> int:
    beside: Mapping[str, object] = {}
    try:
        return _done(words, console, window)
    except SystemExit as end:  # --help and --version
        return int(end.code or 0)
    except KeyboardInterrupt as err:
        told: TunesmithError = Interrupted(
            "interrupted", "Interrupted.", hint="The same command begins again."
        )
        cause: BaseException = err
    except TunesmithError as err:
        told, cause = err, err
    except FailedWith as err:
        told, cause, beside = err.failure, err, err.document
    except BrokenPipeError:
        raise
    except OSError as err:
        told, cause = _told(err), err
    except Exception as err:  # noqa: BLE001 - process boundary: tell, never a traceback
        told, cause = _bug(err), err
    if "--debug" in words:
        raise cause
    console.fail(told, beside=beside)
    return told.exit_status


def _done(words: list[str], console: Console, window: Window | None) -> int:
    parser = build_parser(__version__)
    arguments = parser.parse_args(words)
    home = cast("Path | None", getattr(arguments, "home", None))
    if home is not None:  # children must find the same places
        os.environ["TUNESMITH_HOME"] = str(home.expanduser().absolute())
    if getattr(arguments, "offline", False):
        os.environ["HF_HUB_OFFLINE"] = "1"
    if window is not None and arguments.command is None and not console.as_json:
        return window()
    handler = _handler(arguments)
    return handler(Request(arguments=arguments, places=places(home), console=console))


def _handler(arguments: argparse.Namespace) -> Handler:
    name = cast("str", getattr(arguments, "handler", ""))
    if not name:
        group = cast("str | None", arguments.command)
        command = f"tunesmith {group}" if group else "tunesmith"
        raise RequestError(
            "usage.no_command",
            f"“{command}” needs to know what to do.",
            hint=f"“{command} --help” lists the choices.",
        )
    module, _, function = name.partition(":")
    return cast("Handler", getattr(importlib.import_module(module), function))


def _told(err: OSError) -> TunesmithError:
    path = Path(str(err.filename)) if err.filename else Path()
    known = translated(err, path)
    if isinstance(known, TunesmithError):
        return known
    reason = err.strerror or str(err)
    return WorkFailed(
        "os.error",
        f"{reason}: {err.filename}." if err.filename else f"{reason}.",
        hint="Check that the path exists and that you may use it; --home DIR keeps"
        " Tunesmith's own files elsewhere.",
    )


def _bug(err: Exception) -> TunesmithError:
    return WorkFailed(
        "bug",
        f"Tunesmith made a mistake: {type(err).__name__}: {err}",
        hint="Run the same command with --debug and report what it prints.",
    )
