"""``train``, ``resume``, ``pause`` and ``stop``: a run, steered through its folder."""

import time
from pathlib import Path

from core import launch
from core.cli.follow import Follower, Process, failure_of, run_document
from core.cli.request import FailedWith, Request
from core.cli.result import result_text
from core.cli.starter import ensure_starter
from core.cli.ticker import Ticker
from core.errors import Interrupted, RequestError, WorkFailed
from core.hardware.doctor import idle_cards
from core.hardware.gpu import gpus
from core.hardware.torch_build import torch_build
from core.plan.codec import read_plan, with_settings
from core.prepare import new_run
from core.runs.ending import discard
from core.runs.events import RunEvent
from core.runs.folder import Order, RunFolder, find_run, is_alive
from core.runs.state import RunState

# A step of a large model on a slow machine can take a minute; the order is kept
# whether or not anybody waits for it.
_ORDER_WAIT_S = 300.0
_LOOK_S = 0.1
_LEFT = frozenset({"queued", "running", "paused"})
# A run that waits: it can be gone on with, and so it can be ended.
_RESTING = frozenset({"queued", "paused", "interrupted", "failed"})


def train(request: Request) -> int:
    """Train as a plan file says and answer with the result."""
    arguments = request.arguments
    plan = with_settings(read_plan(Path(arguments.plan)), arguments.settings)
    if plan.model.id == "starter":
        ensure_starter(request)
    run = new_run(plan, request.places, force=arguments.force)
    for problem in idle_cards(torch_build(), gpus()):
        request.console.note(f"Note: {problem.message} {problem.hint}")
    return answer(request, run, started(request, run))


def resume(request: Request) -> int:
    """Go on with a run from its last whole checkpoint."""
    run = find_run(request.places.runs, request.arguments.run)
    status = run.status().status
    if status == "running":
        raise RequestError(
            "run.live",
            f"{run.run_id} is running already.",
            hint=f"“tunesmith runs show {run.run_id}” shows how far it is.",
        )
    if status == "done":
        raise RequestError(
            "run.done",
            f"{run.run_id} is done; there is nothing left to train.",
            hint="Train its plan again with more epochs: “tunesmith plan show”.",
        )
    if status == "stopped" and not any(run.checkpoints.glob("step-*")):
        raise RequestError(
            "run.discarded",
            f"{run.run_id} was discarded; there is nothing to go on from.",
            hint=f"Its plan is kept: “tunesmith plan show {run.run_id}”.",
        )
    return answer(request, run, started(request, run, again=True))


def pause(request: Request) -> int:
    """Save a run, end its process and so free the device."""
    return _ordered(request, "pause")


def stop(request: Request) -> int:
    """End a run, keeping its adapter or dropping it."""
    return _ordered(request, "discard" if request.arguments.discard else "stop")


def started(request: Request, run: RunFolder, *, again: bool = False) -> Follower:
    """Start the engine on `run`, follow it to the end and return what it said.

    Raises:
        FailedWith: It failed, its process died, or Ctrl-C paused it.
    """
    if not again:
        request.console.note(f"Run {run.run_id}")
    follower = Follower(run, from_now=True)
    ticker = Ticker(request.console)
    process = launch.start_run(run, resume=again)
    try:
        follower.until_over(ticker.tell, process)
    except KeyboardInterrupt:
        _paused(request, follower, process)
        if run.status().status in _LEFT:  # else it ended before the order came
            raise _interrupted(request, follower) from None
    except BrokenPipeError:
        request.console.note(
            f"Nobody reads on; {run.run_id} goes on by itself. “tunesmith runs show"
            f" {run.run_id}” tells how far it is."
        )
        raise
    _require_end(request, follower, process)
    return follower


def answer(request: Request, run: RunFolder, follower: Follower) -> int:
    """Give the result of a run and return the status."""
    document = run_document(run, request.places, follower.state)
    request.console.answer(document, result_text(document))
    return 0


def _require_end(request: Request, follower: Follower, process: Process) -> None:
    failure = failure_of(follower.run, follower.state, process)
    if failure is None:
        return
    beside = run_document(follower.run, request.places, follower.state)
    raise FailedWith(failure, beside)


def _interrupted(request: Request, follower: Follower) -> FailedWith:
    run = follower.run
    document = run_document(run, request.places, follower.state)
    told = Interrupted(
        "run.paused",
        f"Paused and saved at step {document['steps']}."
        if document["status"] == "paused"
        else "No longer followed; the run goes on by itself.",
        hint=f"“tunesmith resume {run.run_id}” goes on from there.",
    )
    return FailedWith(told, document)


def _paused(request: Request, follower: Follower, process: Process) -> None:
    """Order a pause and wait for it; a second Ctrl-C leaves the run to itself."""
    run = follower.run
    run.order("pause")
    request.console.note("Pausing: saving the state. Ctrl-C again to stop waiting.")
    try:
        follower.until_over(Ticker(request.console).tell, process)
    except KeyboardInterrupt:
        request.console.note("The run saves itself in the background, then pauses.")


def _ordered(request: Request, order: Order) -> int:
    run = find_run(request.places.runs, request.arguments.run)
    before = run.status().status
    if before == "running":
        run.order(order)
        _wait_for_end(run)
    elif before not in ({"paused"} if order == "pause" else _RESTING):
        raise _not_running(run, before)
    elif order == "discard":
        discard(run)
    elif order == "stop":
        _keep(run)
    document = run_document(run, request.places)
    request.console.answer(document, result_text(document))
    return 0


def _not_running(run: RunFolder, status: str) -> RequestError:
    return RequestError(
        "run.not_running",
        f"{run.run_id} is not running: it is {status}.",
        hint="“tunesmith runs” shows which are.",
    )


def _keep(run: RunFolder) -> None:
    """End a resting run with its adapter: the engine wakes, keeps it, and ends."""
    process = launch.start_run(run, resume=True)
    run.order("stop")  # after the start, which takes older orders back
    follower = Follower(run, from_now=True)
    follower.until_over(_silent, process)
    failure = failure_of(run, follower.state, process)
    if failure is not None:
        raise failure


def _wait_for_end(run: RunFolder) -> None:
    """Return when the engine has answered and is gone, so that the device is free."""
    deadline = time.monotonic() + _ORDER_WAIT_S
    at_work = run.written_status()
    while is_alive(at_work.pid, at_work.pid_started):
        if time.monotonic() > deadline:
            raise WorkFailed(
                "run.slow",
                f"{run.run_id} has not answered for {_ORDER_WAIT_S:.0f} s.",
                hint=f"The order stands. Its log is {run.log_file}.",
            )
        time.sleep(_LOOK_S)


def _silent(event: RunEvent, state: RunState) -> None:
    del event, state
