"""The command line: the same functions as the window, with words instead of widgets."""

from core.cli.main import main

__all__ = ["main"]
