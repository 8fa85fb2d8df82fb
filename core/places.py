"""Where settings, runs, adapters, models and logs live here, and how we were called.

Nothing is written outside this folder, the Hugging Face cache and what a person names.
"""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """One folder that holds everything Tunesmith keeps."""

    home: Path

    @property
    def settings_file(self) -> Path:
        return self.home / "settings.json"

    @property
    def runs(self) -> Path:
        return self.home / "runs"

    @property
    def outcomes_file(self) -> Path:
        """What finished runs predicted and measured; it outlives their folders."""
        return self.home / "outcomes.jsonl"

    @property
    def library(self) -> Path:
        return self.home / "library"

    @property
    def models(self) -> Path:
        """Models Tunesmith made or downloaded itself, one folder each."""
        return self.home / "models"

    @property
    def cache(self) -> Path:
        """May be deleted at any time; nothing here is anybody's work."""
        return self.home / "cache"

    @property
    def trash(self) -> Path:
        """What was deleted and can still be restored."""
        return self.home / "trash"

    def make(self) -> "Places":
        """Create the folders, readable by their owner alone, and return self."""
        for folder in (self.home, self.runs, self.library, self.models, self.cache):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self


def places(home: Path | None = None) -> Places:
    """Return the places under `home`, ``TUNESMITH_HOME`` or the platform's folder.

    Raises:
        FileNotFoundError: None was named, and the system knows no home of this user,
            as in a container that runs under a number without a name.
    """
    if home is not None:
        return Places(home=expanded(home).absolute())
    named = os.environ.get("TUNESMITH_HOME", "")
    if named:
        return Places(home=expanded(named).absolute())
    try:
        own = platformdirs.user_data_path("tunesmith", appauthor=False)
    except RuntimeError as err:
        reason = "the system knows no home folder of this user"
        raise FileNotFoundError(errno.ENOENT, reason, "~") from err
    return Places(home=own)


def expanded(name: str | Path) -> Path:
    """Return `name` as a path, a leading ``~`` replaced by the home folder.

    It stays as it is where no such home is known: no such user, or no user at all.
    """
    path = Path(name)
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def is_folder(path: Path) -> bool:
    """Return whether `path` is a folder; behind a locked door, or too long, is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Return whether `path` is a file; behind a locked door, or too long, is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def called() -> str:
    """Return what the person types to call us.

    Who came through ``run.py`` has no ``tunesmith`` on the path; ``run.py`` says in
    ``TUNESMITH_CALLED_AS`` how it was called.
    """
    return os.environ.get("TUNESMITH_CALLED_AS") or "tunesmith"
