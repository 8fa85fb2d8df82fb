"""Running pip inside the set-up."""

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from bootstrap.environment import Environment
from bootstrap.narrator import Narrator
from bootstrap.say import SetupError

Outcome = Literal["done", "failed", "unreachable"]

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
        environment: Where it installs to.
        lock: Descriptor of the set-up's lock, which pip keeps while it lives.
    """

    environment: Environment
    lock: int

    @property
    def log(self) -> Path:
        """Everything pip has printed in this environment."""
        return self.environment.folder / "pip.log"

    def install(self, *arguments: str, what: str) -> None:
        """Install, telling on stderr how far it is.

        Raises:
            SetupError: pip could not; names `what`.
        """
        outcome = self.try_install(*arguments)
        if outcome == "unreachable":
            raise unreachable(what)
        if outcome == "failed":
            raise SetupError(
                f"pip could not install {what}; its own message is above, and all it"
                f" printed is in {self.log}.",
                hint="Check the network, the proxy and the disk, then start run.py"
                " again: it goes on from here, and finished downloads are kept.",
            )

    def try_install(self, *arguments: str) -> Outcome:
        """Return what came of asking pip to install what the arguments name."""
        return self._run("install", *self._progress(), *arguments)

    def uninstall(self, *names: str) -> None:
        """Remove packages; those that are not there are no error."""
        if names:
            self._run("uninstall", "-y", *names)

    def _progress(self) -> tuple[str, ...]:
        """Return how to ask this pip for progress that a program can read (24.1)."""
        found = self.environment.site_packages.glob("pip-*.dist-info")
        knows = any(_version(info.name) >= (24, 1) for info in found)
        return ("--progress-bar", "raw") if knows else ()

    @contextmanager
    def _scratch(self) -> Generator[Path]:
        """Give pip an empty folder to download into, and delete it afterwards.

        Beside the environment, because a /tmp in memory may not hold gigabytes, and
        because what a killed pip leaves behind goes with the next one.
        """
        folder = self.environment.folder / "downloading"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _run(self, verb: str, *arguments: str) -> Outcome:
        with self._scratch() as scratch:
            return self._told(scratch, verb, *arguments)

    def _told(self, scratch: Path, verb: str, *arguments: str) -> Outcome:
        """Run pip, told on stderr as it goes, and return what came of it."""
        env = clean_environ() | {
            "TMPDIR": str(scratch),
            "PIP_USER": "0",
            "PIP_NO_INPUT": "1",
            "PIP_NO_COLOR": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore",  # build tools speak to packagers, not to us
        }
        command = [str(self.environment.python), "-m", "pip", verb, *arguments]
        narrator = Narrator(sys.stderr.write, terminal=sys.stderr.isatty())
        with (
            self.log.open("a", encoding="utf-8") as log,
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                env=env,
                pass_fds=() if sys.platform == "win32" else (self.lock,),
            ) as process,
        ):
            log.write(f"$ pip {verb} {' '.join(arguments)}\n")
            for line in process.stdout or ():
                log.write(line)
                narrator.hear(line)
                sys.stderr.flush()
        narrator.end(failed=process.returncode != 0)
        if process.returncode == 0:
            return "done"
        return "unreachable" if narrator.gave_up else "failed"


def unreachable(what: str) -> SetupError:
    """Return the error of a machine that cannot fetch `what`."""
    return SetupError(
        f"There is no network, or no way through it to pip's package index, so {what}"
        " could not be fetched.",
        hint="Connect to the network, or name the proxy in https_proxy, then start"
        " run.py again: it goes on from here.",
    )


def _version(name: str) -> tuple[int, ...]:
    """Return the first two numbers of a name like ``pip-25.3.dist-info``."""
    parts = name.removeprefix("pip-").split(".")[:2]
    return tuple(int(part) for part in parts if part.isdigit())
