"""A run or a task followed from outside: what is told when its end, or ours, is odd."""

import argparse
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from core import launch
from core.cli import starter
from core.cli.console import Console
from core.cli.follow import failure_of
from core.cli.request import Request
from core.cli.train import started
from core.errors import RequestError, TunesmithError, WorkFailed
from core.places import Places
from core.plan.plan import Plan
from core.runs.events import Phase, encode
from core.runs.folder import RunFolder, create_run
from core.runs.state import RunState


class Gone(io.StringIO):
    """A reader that has seen enough, such as `head`."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def request_to(places: Places, out: io.StringIO, err: io.StringIO) -> Request:
    """Return a request whose events go to `out`."""
    console = Console(as_json=False, as_events=True, out=out, err=err)
    return Request(arguments=argparse.Namespace(), places=places, console=console)


def ended(status: int) -> subprocess.Popen[bytes]:
    """Return a process that has ended so."""
    process = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({status})"])
    process.wait()
    return process


@pytest.fixture
def run(places: Places) -> RunFolder:
    return create_run(places.make().runs, Plan(), {})


def test_a_run_goes_on_without_its_reader(
    places: Places, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads no more is told, on stderr, where to look."""

    def starts(run: RunFolder, *, resume: bool) -> subprocess.Popen[bytes]:
        run.events_file.write_text(f"{encode(Phase(t=1.0, phase='load'))}\n")
        return ended(0)

    monkeypatch.setattr(launch, "start_run", starts)
    err = io.StringIO()
    with pytest.raises(BrokenPipeError):
        started(request_to(places, Gone(), err), run)

    assert f"{run.run_id} goes on by itself" in err.getvalue()


@pytest.mark.parametrize(("status", "kind"), [(2, RequestError), (1, WorkFailed)])
def test_a_worker_that_refuses_was_asked_wrongly(
    run: RunFolder, status: int, kind: type[TunesmithError]
) -> None:
    """As where another process works on the run already; its words are passed on."""
    run.log_file.write_text("The run is being worked on already.\n")
    failure = failure_of(run, RunState(), ended(status))

    assert isinstance(failure, kind)
    assert "worked on already" in failure.message


def test_every_event_has_its_time(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task's progress too, as a run's events do."""

    class Quick:
        def __init__(self, name: str, order: dict[str, Any]) -> None:
            del name, order

        def events(self) -> Iterator[dict[str, Any]]:
            yield {"kind": "progress", "what": "x", "done": 1, "total": 2, "unit": ""}
            yield {"kind": "result", "found": 3}

    monkeypatch.setattr(starter, "Task", Quick)
    out = io.StringIO()
    found = starter.follow_task(request_to(places, out, io.StringIO()), "x", {})
    event = json.loads(out.getvalue())

    assert {"found": 3} == found
    assert ("progress", True) == (event["kind"], event["t"] > 0)
