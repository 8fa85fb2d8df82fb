"""A run's life around its training: alone in its folder, alive to see, one last word.

Nothing heavy is imported before the run says that it runs.
"""

import logging
import sys
import time
import traceback
from pathlib import Path

from core.errors import RequestError, TunesmithError, WorkFailed
from core.runs.events import Ended, Failed, failed
from core.runs.folder import RunFolder, RunStatus
from core.worker.channel import EventLog
from core.worker.heartbeat import Heartbeat
from core.worker.lock import only_worker
from core.worker.wishes import Wishes


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
    log = EventLog(found.events_file)
    heart = Heartbeat(found, log)
    wishes = Wishes(found)
    wishes.listen()
    heart.start()
    try:
        from core.worker.stretch import Stretch

        ended = Stretch(found, log=log, heart=heart, wishes=wishes).work()
    except BaseException as err:  # noqa: BLE001 - process boundary: one last event, always
        problem = _told(err, found)
        log.write(problem)
        ended = Ended(t=time.time(), status="failed")
    wishes.done()
    log.write(ended)
    log.close()
    status: RunStatus = ended.status
    heart.end(status)
    return 1 if ended.status == "failed" else 0


def _told(err: BaseException, found: RunFolder) -> Failed:
    """Return the event for `err`; the log gets the traceback."""
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
