"""What every test stands on: a list of loggers that can be walked at any time."""

import logging


class _Loggers(dict[str, logging.Logger | logging.PlaceHolder]):
    """All loggers; a walk over them goes on while a thread imports one more.

    pytest walks them between the phases of a test, when our threads may be at work.
    """

    def values(self) -> list[logging.Logger | logging.PlaceHolder]:  # type: ignore[override]
        return list(super().values())


logging.root.manager.loggerDict = _Loggers(logging.root.manager.loggerDict)
