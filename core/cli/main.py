"""From arguments to an exit status, with every failure in words."""

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from core import __version__
from core.cli.console import Console, hush, standard_console
from core.cli.parser import build_parser
from core.cli.request import FailedWith, Handler, Request
from core.durable import translated
from core.errors import (
    Interrupted,
    RequestError,
    TunesmithError,
    WorkFailed,
    reason_of,
)
from core.places import expanded, places

_LONGEST_SHOWN = 120
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
    status = 0
    try:
        status = _answered(words, console, window)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        hush()
    except OSError as err:  # stdout itself takes no more
        console.note(f"The answer cannot be written: {reason_of(err)}.")
        hush()
        return status or 1
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
    except UnicodeEncodeError as err:
        told, cause = _unspeakable(err), err
    except OSError as err:
        told, cause = _told(err), err
    except Exception as err:  # noqa: BLE001 - process boundary: tell, never a traceback
        told, cause = _bug(err), err
    if "--debug" in words:
        raise cause
    with contextlib.suppress(OSError):  # told to nobody it is a failure still
        console.fail(told, beside=beside)
    return told.exit_status


def _done(words: list[str], console: Console, window: Window | None) -> int:
    parser = build_parser(__version__)
    arguments = parser.read(words)
    home = cast("Path | None", getattr(arguments, "home", None))
    if home is not None:  # children must find the same places
        os.environ["TUNESMITH_HOME"] = str(expanded(home).absolute())
    if getattr(arguments, "offline", False):
        os.environ["HF_HUB_OFFLINE"] = "1"
    if window is not None and arguments.command is None and not console.as_json:
        return window()
    handler = _handler(arguments)
    here = places(home)
    _require_folder(here.home)
    return handler(Request(arguments=arguments, places=here, console=console))


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


def _require_folder(home: Path) -> None:
    if home.exists() and not home.is_dir():
        raise _home_unusable(home, "it is a file")


def _told(err: OSError) -> TunesmithError:
    path = Path(str(err.filename)) if err.filename else None
    known = translated(err, path)
    if isinstance(known, TunesmithError):
        return known
    if path is not None and _is_ours(path):
        return _home_unusable(path, reason_of(err))
    reason = err.strerror or str(err)
    return WorkFailed(
        "os.error",
        f"{reason}: {path}." if path else f"{reason}.",
        hint="Check that the path exists and that you may use it.",
    )


def _is_ours(path: Path) -> bool:
    try:
        return path.is_relative_to(places().home)
    except OSError:  # nobody knows where our home would be
        return True


def _home_unusable(path: Path, reason: str) -> RequestError:
    return RequestError(
        "home.unusable",
        f"Tunesmith cannot keep its files in {path}: {reason}.",
        hint="Name a folder that you may write in: --home DIR, or TUNESMITH_HOME.",
    )


def _unspeakable(err: UnicodeEncodeError) -> RequestError:
    line = err.object[: err.end].rpartition("\n")[2].lstrip()
    shown = line[-_LONGEST_SHOWN:].encode(errors="replace").decode()
    return RequestError(
        "usage.encoding",
        f"A name holds bytes that are no letters here: … {shown} ….",
        hint="Give the file or folder a name in UTF-8; if it has one, the shell's locale"
        " is in the way: set LC_ALL=C.UTF-8.",
    )


def _bug(err: Exception) -> TunesmithError:
    return WorkFailed(
        "bug",
        f"Tunesmith made a mistake: {type(err).__name__}: {err}",
        hint="Run the same command with --debug and report what it prints.",
    )
