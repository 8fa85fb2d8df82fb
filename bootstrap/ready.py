"""Whether the environment can be used as it is. Every start asks; it must be quick.

What a set-up needs is imported only when there is one to do.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bootstrap import lock, project
from bootstrap.environment import Environment, read_record
from bootstrap.project import Project

Need = Literal["python", "offscreen", "xcb", "wayland"]
"""Kinds of system packages: for environments, for Qt at all, for X11, for Wayland."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the environment must be good for.

    Attributes:
        extras: Optional groups of packages in pyproject.toml.
        needs: Kinds of system packages without which this start makes no sense.
        repair: Take every step again, look at every file, and try once more for a
            better torch where the last choice left something to be desired.
    """

    extras: tuple[str, ...] = ()
    needs: frozenset[Need] = frozenset()
    repair: bool = False


def ensure(environment: Environment, wanted: Wanted) -> None:
    """Make `environment` whole and up to date; quick when it already is.

    Raises:
        SetupError: It cannot be done; says why and what to do.
    """
    asked = project.read(environment.folder.parent)
    if not is_ready(environment, asked, wanted):
        path = environment.folder.with_name(f"{environment.folder.name}.lock")
        with lock.held(path) as descriptor:
            # Whoever held the lock before us may have done it all.
            if not is_ready(environment, asked, wanted):
                from bootstrap.install import Setup

                Setup(environment, asked, wanted, descriptor).run()
    elif any(not _mark(environment, need).exists() for need in wanted.needs):
        from bootstrap import system_packages

        missing = system_packages.look(environment_must_be_made=False)
        system_packages.ensure(wanted.needs, missing)
        with contextlib.suppress(OSError):  # another person's checkout; look again
            for need in wanted.needs:
                _mark(environment, need).touch()


def _mark(environment: Environment, need: Need) -> Path:
    """Return the file that says that nothing of `need` is missing: looking costs."""
    return environment.folder / f"found-{need}"


def is_ready(environment: Environment, asked: Project, wanted: Wanted) -> bool:
    """Return whether `environment` is finished, whole and of this very set-up."""
    record = read_record(environment.folder)
    return (
        record is not None
        and not wanted.repair
        and record.finished
        and record.location == str(environment.folder)
        and record.fingerprint == project.fingerprint(asked)
        and set(wanted.extras) <= set(record.extras)
        and environment.can_start()
        and record.python == environment.base_python()
    )
