"""What every test stands on: the same draws each time, and loggers that can be walked."""

import logging

from hypothesis import HealthCheck, settings

# The same examples on every machine, however slow it is; --hypothesis-profile=default
# looks for new ones.
settings.register_profile(
    "tunesmith",
    database=None,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tunesmith")


class _Loggers(dict[str, logging.Logger | logging.PlaceHolder]):
    """All loggers; a walk over them goes on while a thread imports one more.

    pytest walks them between the phases of a test, when our threads may be at work.
    """

    def values(self) -> list[logging.Logger | logging.PlaceHolder]:  # type: ignore[override]
        return list(super().values())


logging.root.manager.loggerDict = _Loggers(logging.root.manager.loggerDict)
