"""What a command is given: its arguments, where things live, and how to answer."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.cli.console import Console
from core.errors import TunesmithError
from core.places import Places


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of the command line."""

    arguments: argparse.Namespace
    places: Places
    console: Console

    def get(self, name: str, default: Any = None) -> Any:
        """Return an argument, or `default` where it was not given."""
        value = getattr(self.arguments, name, None)
        return default if value is None else value


Handler = Callable[[Request], int]
"""Does a command and returns its exit status; raises `TunesmithError`."""


class FailedWith(Exception):
    """A failure that leaves something behind: its document stands beside the error."""

    def __init__(self, failure: TunesmithError, document: Mapping[str, Any]) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.document = document
