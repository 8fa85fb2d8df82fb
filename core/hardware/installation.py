"""What the set-up wrote down about this installation, for the doctor to repeat."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

RECORD_NAME: Final = "tunesmith-install.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUpProblem:
    """Why this installation is not as good as the machine allows, and the way out."""

    code: str
    message: str
    hint: str


def set_up_problems(environment: Path | None = None) -> tuple[SetUpProblem, ...]:
    """Return what `run.py` found when it chose torch for this machine.

    Empty where it found nothing, and where Tunesmith was installed another way.

    Args:
        environment: The folder of the environment; the running one if not given.
    """
    path = (environment or Path(sys.prefix)) / RECORD_NAME
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        return tuple(SetUpProblem(**problem) for problem in found["problems"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()
