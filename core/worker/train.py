"""A run's life around its training: alone in its folder, alive to see, one last word.

Nothing heavy is imported before the run says that it runs.
"""

import logging
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import DiskFull, RequestError, TunesmithError, WorkFailed
from core.runs.events import Ended, Failed, RunEvent, failed
from core.runs.folder import RunFolder
from core.worker.channel import EventLog
from core.worker.heartbeat import Heartbeat
from core.worker.lock import only_worker
from core.worker.reserve import Reserve
from core.worker.wishes import Wishes

if TYPE_CHECKING:
    from core.worker.stretch import Stretch


def run(folder: Path, *, resume: bool) -> int:
    """Train the run in `folder` and return the exit status.

    Whatever happens short of a kill, the folder's last event is one `Ended` and its
    status says the same.

    Raises:
        RequestError: There is no run, another worker has it, or it has begun already
            and `resume` is false.
    """
    found = RunFolder(folder)
    if not found.plan_file.is_file():
        raise RequestError(
            "run.unknown", f"{folder} holds no run.", hint="Give the folder of a run."
        )
    if found.checkpoints.is_dir() and not resume:
        raise RequestError(
            "run.begun",
            f"The run {found.run_id} has begun already.",
            hint=f"Go on with it: tunesmith resume {found.run_id}",
        )
    with only_worker(folder):
        return _lived(found)


def _lived(found: RunFolder) -> int:
    reserve = Reserve(found.path)
    log = EventLog(found.events_file)
    heart = Heartbeat(found, log)
    wishes = Wishes(found)
    wishes.listen()
    last: list[RunEvent] = []
    failure: BaseException | None = None
    stretch: Stretch | None = None
    try:
        heart.start()
        from core.worker import stretch as engine_room

        stretch = engine_room.Stretch(found, log=log, heart=heart, wishes=wishes)
        ended = stretch.work()
        _remember(stretch, None)
    except BaseException as err:  # noqa: BLE001 - process boundary: one last event, always
        reserve.give_back()
        failure = err
        last.append(_told(err, found))
        ended = stretch.broken_off() if stretch else _nothing_done()
    reserve.give_back()
    wishes.done()
    # Without room even now, the run shows as interrupted, for its process is gone.
    with suppress(OSError):
        for event in (*last, ended):
            log.write(event)
    log.close()
    # after the last words, and not in the room that is left for them
    if stretch and failure and not isinstance(_translated(failure, found), DiskFull):
        _remember(stretch, failure)
    with suppress(OSError, DiskFull):
        heart.end(ended.status)
    return 1 if ended.status == "failed" else 0


def _remember(stretch: "Stretch", failure: BaseException | None) -> None:
    try:
        stretch.remember(failure)
    except Exception:  # noqa: BLE001 - process boundary: it is never worth a run
        traceback.print_exc(file=sys.stderr)


def _nothing_done() -> Ended:
    return Ended(t=time.time(), status="failed")


def _told(err: BaseException, found: RunFolder) -> Failed:
    """Return the event for `err`; the log gets the traceback."""
    with suppress(OSError):
        traceback.print_exception(err, file=sys.stderr)
    ours = err if isinstance(err, TunesmithError) else _translated(err, found)
    if ours is None:
        logging.getLogger(__name__).error("This is a bug in Tunesmith.")
        ours = WorkFailed(
            "bug",
            f"Something went wrong inside: {type(err).__name__}: {err}",
            hint=f"Please report it with {found.log_file.name}; the checkpoints are"
            " whole, so you may resume.",
        )
    return failed(ours, t=time.time())


def _translated(err: BaseException, found: RunFolder) -> TunesmithError | None:
    try:
        from core.engine.failures import as_ours
    except ImportError:  # torch itself cannot be loaded: that is the error to tell
        return None
    return as_ours(err, found.path)
