"""``python -m app`` and ``tunesmith``: no arguments open the window, others command."""

import sys

from core.cli import main as command_line


def main() -> int:
    """Return the exit status of the window or of the command."""
    return command_line(sys.argv[1:], window=_window) if sys.argv[1:] else _window()


def _window() -> int:
    from app.window_main import main as window  # Qt loads only where it is wanted

    return window()


if __name__ == "__main__":
    raise SystemExit(main())
