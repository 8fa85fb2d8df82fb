#!/usr/bin/env python3
"""Set Tunesmith up on this machine, then start it.

    python3 run.py               open the window (with no display: run the demo)
    python3 run.py estimate ...  any Tunesmith command, with its arguments
    python3 run.py test ...      run the tests, with pytest's arguments
    python3 run.py check         run the static checks
    python3 run.py setup         set up or repair, and start nothing

This file alone must be readable by every Python there is, so that an old one can
say what is wrong instead of failing on syntax it does not know. The work is done
in the package ``bootstrap``, which needs nothing but the standard library.
"""

import os
import subprocess
import sys

OLDEST = (3, 11)  # transformers asks for it
NEWEST = (3, 14)  # the newest that the pinned torch and Qt are built for


def fitting_python():
    """Return the path of another Python on PATH that fits, or None."""
    suffix = ".exe" if os.name == "nt" else ""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            path = os.path.join(folder, "python3.%d%s" % (minor, suffix))
            if os.path.isfile(path) and starts(path):
                return path
    return None


def starts(path):
    # type: (str) -> bool  # pyright: ignore[reportTypeCommentUsage]
    """Return whether the program runs at all: some are shims with nothing behind."""
    with open(os.devnull, "w") as nothing:
        try:
            return (
                subprocess.call([path, "-c", ""], stdout=nothing, stderr=nothing) == 0
            )
        except OSError:
            return False


def main():
    """Return the exit status of what was asked for; 2 if this Python cannot do it."""
    version = sys.version_info[:2]
    if OLDEST <= version <= NEWEST:
        here = os.path.dirname(os.path.realpath(__file__))
        # `python run.py` has this folder on its path already; `python -P` has not.
        if here not in sys.path:
            sys.path.insert(0, here)
        from bootstrap.main import main as bootstrap

        return bootstrap(sys.argv[1:])
    found = "%d.%d" % version
    other = fitting_python()
    if other:
        sys.stderr.write("This Python is %s; going on with %s.\n" % (found, other))
        sys.stderr.flush()
        command = [other, os.path.abspath(__file__)] + sys.argv[1:]
        return subprocess.call(command)
    sys.stderr.write(
        "Tunesmith needs Python %d.%d to %d.%d, and this is %s.\n"
        "Install one of them (Debian 12 and Ubuntu 24.04 have it as python3; Fedora: "
        "sudo dnf install python3.13; openSUSE: sudo zypper install python313; Windows "
        "and macOS: https://www.python.org/downloads/) and start run.py with it.\n"
        % (OLDEST + NEWEST + (found,))
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
