"""The private environment ``.venv``: its record, its health, its making and unmaking.

Why it is built in place: scripts in an environment carry its absolute path, so one
that is built elsewhere and renamed has to be patched, and on Windows a folder in use
cannot be renamed at all. Instead a record inside it, replaced whole, says "unfinished"
before the first package is touched and "finished" after the last. Whoever finds
"unfinished" checks every installed file against pip's own lists and then finishes, or
starts over. `.venv` appears by a rename with the record already inside, and goes by a
rename, so a kill at any moment leaves nothing that could be mistaken for whole.
"""

import csv
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bootstrap.say import Problem, SetupError

ROOT: Final = Path(__file__).resolve().parent.parent
RECORD_NAME: Final = "tunesmith-install.json"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the environment holds, or which step was about to change it.

    Attributes:
        finished: All steps are done.
        step: The step that was begun last; empty when finished.
        location: The folder it was made for; scripts inside hold this path.
        python: The Python beneath, by its real path: a new one breaks what was built.
        fingerprint: Changes when the set-up has to run again.
        torch: Full version of torch, for example ``2.13.0+cu130``.
        torch_key: What the choice of that torch followed from.
        extras: Optional groups of packages that are installed.
        problems: What limits this installation; `tunesmith doctor` repeats it.
    """

    finished: bool
    step: str = ""
    location: str = ""
    python: str = ""
    fingerprint: str = ""
    torch: str = ""
    torch_key: str = ""
    extras: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = field(default=())


def read_record(folder: Path) -> Record | None:
    """Return the record in `folder`, or None if there is none that can be read."""
    try:
        found: Any = json.loads((folder / RECORD_NAME).read_text(encoding="utf-8"))
        if found.pop("format") != _FORMAT:
            return None
        problems = tuple(Problem(**problem) for problem in found.pop("problems"))
        extras = tuple(found.pop("extras"))
        return Record(**found, problems=problems, extras=extras)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_record(folder: Path, record: Record) -> None:
    """Replace the record in `folder` whole, and see it onto the disk."""
    text = json.dumps({"format": _FORMAT, **asdict(record)}, indent=2)
    # Not `tempfile`, whose files nobody else may read: a checkout can serve several.
    new = folder / f"{RECORD_NAME}.new"
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / RECORD_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment at `folder`."""

    folder: Path

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        if os.name == "nt":
            return self.folder / "Scripts" / "python.exe"
        return self.folder / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        """Where its packages live."""
        if os.name == "nt":
            return self.folder / "Lib" / "site-packages"
        found = sorted(self.folder.glob("lib/python3*/site-packages"))
        return found[-1] if found else self.folder / "lib" / "site-packages"

    def can_start(self) -> bool:
        """Return whether its interpreter and the Python beneath it are there."""
        try:
            config = (self.folder / "pyvenv.cfg").read_text(encoding="utf-8")
        except (OSError, ValueError):
            return False
        pairs = (line.partition("=") for line in config.splitlines())
        home = {key.strip(): value.strip() for key, _, value in pairs}.get("home", "")
        return self.python.exists() and Path(home).is_dir()

    def base_python(self) -> str:
        """Return the real path of its interpreter; changes when the system's does."""
        return str(self.python.resolve())

    def create_empty(self) -> None:
        """Put an empty folder with an unfinished record in place, in one step."""
        new = self.folder.with_name(f"{self.folder.name}.new-{os.getpid()}")
        new.mkdir()
        write_record(new, Record(finished=False, step="environment"))
        new.replace(self.folder)

    def remove(self) -> None:
        """Take it out of sight in one step, then delete it.

        Raises:
            SetupError: It is in use, or it is not an environment but something else.
        """
        if not self.folder.exists():
            return
        ours = (self.folder / RECORD_NAME).exists()
        environment = (self.folder / "pyvenv.cfg").exists()
        if not ours and not environment and any(self.folder.iterdir()):
            raise SetupError(
                f"{self.folder} is there and is not a Python environment.",
                hint="Move it elsewhere, then start run.py again.",
                status=2,
            )
        old = self.folder.with_name(f"{self.folder.name}.old-{os.getpid()}")
        try:
            self.folder.replace(old)
        except OSError as err:
            raise SetupError(
                f"{self.folder} cannot be replaced: {err.strerror}.",
                hint="Close Tunesmith and every program that uses it, then try again.",
            ) from err
        shutil.rmtree(old, ignore_errors=True)

    def sweep(self) -> None:
        """Delete what an earlier set-up was killed over."""
        for kind in ("new", "old"):
            for left in self.folder.parent.glob(f"{self.folder.name}.{kind}-*"):
                shutil.rmtree(left, ignore_errors=True)

    def size_bytes(self) -> int:
        """Return the disk it takes now."""
        return sum(path.lstat().st_size for path in _files(self.folder))

    def torn(self) -> Iterator[str]:
        """Yield each installed package whose files are not what pip listed.

        pip copies the files of a wheel first and writes the list (RECORD) last, and
        moves the old ones aside under a name with a tilde. So a list that is missing,
        a file that is missing or has another size, or a name with a tilde is the mark
        of a pip that was killed; wrong sizes are also what a power cut leaves.
        """
        site = self.site_packages
        if not site.is_dir():
            return
        yield from (path.name for path in site.glob("~*"))
        for info in site.glob("*.dist-info"):
            if not _whole(site, info / "RECORD"):
                yield info.name.removesuffix(".dist-info")


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)


def _whole(site: Path, record: Path) -> bool:
    try:
        with record.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except OSError:
        return False
    for row in rows:
        name, size = row[0], row[-1]
        if not size or name.endswith(".pyc"):  # byte code comes and goes
            continue
        try:
            if os.stat(site / name).st_size != int(size):  # noqa: PTH116 - 40,000 files
                return False
        except OSError:
            return False
    return True
