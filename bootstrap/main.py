"""What was asked of run.py, and doing it."""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bootstrap import display
from bootstrap.child import clean_environ
from bootstrap.environment import ROOT, Environment
from bootstrap.ready import Need, Wanted, ensure
from bootstrap.say import DONE, FAILED, INTERRUPTED, SetupError, say

_CHECKS: Final = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("pyright",),
    ("lint-imports",),
)


def main(arguments: Sequence[str]) -> int:
    """Do what `arguments` ask for and return the exit status."""
    try:
        return _main(list(arguments), Environment(folder=ROOT / ".venv"))
    except SetupError as err:
        say(f"\n{err}\n{err.hint}")
        return err.status
    except OSError as err:
        say(f"\nThe set-up could not go on: {err}.")
        say(f"Check that {ROOT} is yours to write and that its disk has room.")
        return FAILED
    except KeyboardInterrupt:
        say("\nStopped. Start run.py again to go on from here.")
        return INTERRUPTED


def _main(arguments: list[str], environment: Environment) -> int:
    match arguments:
        case ["setup"]:
            ensure(environment, Wanted(repair=True))
            return DONE
        case ["test", *rest]:
            ensure(
                environment, Wanted(extras=("test",), needs=frozenset({"offscreen"}))
            )
            return _test(environment, rest)
        case ["check"]:
            ensure(environment, Wanted(extras=("test",)))
            return _check(environment)
        case []:
            return _open(environment)
        case _:
            ensure(environment, Wanted())
            return _hand_over(environment, arguments)


def _open(environment: Environment) -> int:
    drawn_with = display.platform()
    if drawn_with is None:
        ensure(environment, Wanted())
        say("There is no display here, so no window: running `tunesmith demo` instead.")
        return _hand_over(environment, ["demo"])
    needs: set[Need] = {"offscreen"}
    if drawn_with != "another":
        needs.add(drawn_with)
    ensure(environment, Wanted(needs=frozenset(needs)))
    return _hand_over(environment, [])


def _hand_over(environment: Environment, arguments: list[str]) -> int:
    """Become Tunesmith; on Windows, wait for it."""
    # A folder named `app` or `core` where the person stands must not be taken for ours.
    env = clean_environ() | {"PYTHONSAFEPATH": "1", "TUNESMITH_CALLED_AS": _called()}
    command = [str(environment.python), "-m", "app", *arguments]
    if sys.platform != "win32":
        os.execve(command[0], command, env)  # noqa: S606 - our own interpreter
    return subprocess.call(command, env=env)


def _called() -> str:
    """Return how the person called us, to be named in Tunesmith's own words."""
    python = "py" if sys.platform == "win32" else "python3"
    return f"{python} {shlex.quote(sys.argv[0])}"


def _test(environment: Environment, arguments: list[str]) -> int:
    env = clean_environ() | {
        "QT_QPA_PLATFORM": "offscreen",
        # A hub where nobody answers: a test that needs one brings its own.
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_TOKEN": "",
    }
    command = [str(environment.python), "-m", "pytest", *arguments]
    return subprocess.call(command, env=env, cwd=ROOT)


def _check(environment: Environment) -> int:
    """Run every static check, also after one has failed."""
    failed: list[str] = []
    for program, *arguments in _CHECKS:
        say(" ".join((program, *arguments)))
        command = [str(_script(environment, program)), *arguments]
        if subprocess.call(command, env=clean_environ(), cwd=ROOT) != 0:
            failed.append(" ".join((program, *arguments)))
    for check in failed:
        say(f"Failed: {check}")
    return FAILED if failed else DONE


def _script(environment: Environment, name: str) -> Path:
    suffix = ".exe" if os.name == "nt" else ""
    return environment.python.with_name(name + suffix)
