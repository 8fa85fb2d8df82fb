"""``python -m core.cli``: the command line alone, where there is no window."""

from core.cli.main import main

raise SystemExit(main())
