"""Running pip and other programs inside the set-up."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bootstrap.say import SetupError

_FOREIGN: Final = (  # settings of another environment that would leak into ours
    "PYTHONHOME",
    "PYTHONPATH",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_REQUIREMENT",
    "PIP_CONSTRAINT",
    "VIRTUAL_ENV",
)


def clean_environ() -> dict[str, str]:
    """Return the environment variables for programs of our own environment."""
    env = {key: value for key, value in os.environ.items() if key not in _FOREIGN}
    return env | {"PYTHONUTF8": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pip:
    """pip of one environment; it honours the person's own pip configuration.

    Attributes:
        python: The environment's interpreter.
        lock: Descriptor of the set-up's lock, which pip keeps while it lives.
    """

    python: Path
    lock: int

    def install(self, *arguments: str, what: str) -> None:
        """Install, showing pip's own progress on stderr.

        Raises:
            SetupError: pip could not; names `what`.
        """
        if not self.try_install(*arguments):
            raise SetupError(
                f"pip could not install {what}; its own message is above.",
                hint="Check the network, the proxy and the disk, then start run.py"
                " again: it goes on from here, and finished downloads are kept.",
            )

    def try_install(self, *arguments: str) -> bool:
        """Return whether pip installed what the arguments ask for."""
        return self._run("install", *arguments) == 0

    def uninstall(self, *names: str) -> None:
        """Remove packages; those that are not there are no error."""
        if names:
            self._run("uninstall", "-y", *names)

    def _run(self, verb: str, *arguments: str) -> int:
        env = clean_environ() | {
            "PIP_USER": "0",
            "PIP_NO_INPUT": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
            "PYTHONWARNINGS": "ignore",  # build tools speak to packagers, not to us
        }
        command = [str(self.python), "-m", "pip", verb, *arguments]
        return run(command, env=env, lock=self.lock)


def run(command: Sequence[str], *, env: dict[str, str], lock: int | None = None) -> int:
    """Run `command` with its output on stderr and return its exit status."""
    keep = (lock,) if lock is not None and sys.platform != "win32" else ()
    done = subprocess.run(
        command, stdout=2, stdin=subprocess.DEVNULL, env=env, check=False, pass_fds=keep
    )
    return done.returncode
