"""Start a worker, and read what it says: everybody's end of the pipe.

Three kinds of child, all ``python -m core.worker KIND``:

- ``train RUN_FOLDER``: a run, in its own session; it outlives whoever started it and
  talks through its folder alone.
- ``task NAME``: one piece of work that needs torch or a tokenizer (inspect data, make
  the starter, download). One JSON request on stdin, JSON lines on stdout; it ends with
  its parent.
- ``chat``: orders on stdin, events on stdout, both JSON lines.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import psutil

from core.errors import (
    RequestError,
    TunesmithError,
    Where,
    WorkFailed,
    error_of,
)
from core.hardware.budget import device_environment
from core.runs.folder import RunFolder
from core.wire import to_json

_ROOT = Path(__file__).resolve().parent.parent
_TAIL_CHARS = 2000

TaskEvent = dict[str, Any]
"""``{"kind": "progress", "what", "done", "total", "unit"}``, ``{"kind": "result", …}``
or ``{"kind": "error", "code", "message", "hint", "status"}``."""


def worker_command(*arguments: str) -> list[str]:
    """Return the command line of a worker, also inside a frozen build."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "--worker", *arguments]
    return [sys.executable, "-m", "core.worker", *arguments]


def worker_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a child's environment: our packages first, the chosen device alone.

    No token, no stray locale.
    """
    environment = dict(os.environ)
    paths = [str(_ROOT), *environment.get("PYTHONPATH", "").split(os.pathsep)]
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(p for p in paths if p))
    environment["PYTHONUTF8"] = "1"
    environment["LC_NUMERIC"] = "C"
    environment["TOKENIZERS_PARALLELISM"] = "false"
    environment["HF_HUB_DISABLE_TELEMETRY"] = "1"
    environment["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"  # noqa: S105 - a switch
    environment.update(device_environment())
    environment.update(extra or {})
    return environment


# torch asks for blocks at multiples of 64 bytes, and glibc cuts crumbs off around them.
# While its caches of small pieces hold such crumbs, freed blocks beside them neither
# join nor are large enough for the next of the same size: the heap grew by 20 to 50 %
# of a step's tensors and went on growing for tens of steps. Without those caches the
# same steps took 17 to 21 % less memory, in no more time (glibc 2.36, a CPU).
_HEAP_THAT_JOINS = "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0"


def run_environment(
    run: RunFolder, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment of the process that trains `run`.

    Where tensors lie in main memory, glibc's heap is told to keep itself in one piece;
    what the person set wins. It is read when a process begins, so nobody but the
    launcher can say it.
    """
    environment = worker_environment(extra)
    device: dict[str, Any] = run.facts().get("device") or {}
    if sys.platform == "linux" and device.get("kind") != "cuda":
        told = (_HEAP_THAT_JOINS, environment.get("GLIBC_TUNABLES", ""))
        environment["GLIBC_TUNABLES"] = ":".join(filter(None, told))
    return environment


def _own_session() -> dict[str, Any]:
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags}
    return {"start_new_session": True}


def _no_console() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW}
    return {}


def start_run(run: RunFolder, *, resume: bool = False) -> subprocess.Popen[bytes]:
    """Start the engine on `run` in a session of its own and return at once.

    Nothing ties the child to us: its output goes to ``trainer.log``, its events to the
    run's folder. Keep the returned process only to reap it.
    """
    run.done_with("pause", "stop", "discard", "save")
    command = worker_command("train", str(run.path), *(["--resume"] if resume else []))
    with run.log_file.open("ab") as log:
        return subprocess.Popen[bytes](
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=run_environment(run),
            close_fds=True,
            **_own_session(),
        )


class JsonLines:
    """A child process that hears and says JSON lines; its noise is kept for blame."""

    def __init__(
        self, arguments: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> None:
        self._process = subprocess.Popen(
            worker_command(*arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=worker_environment(environment),
            text=True,
            encoding="utf-8",
            errors="replace",
            **_no_console(),
        )
        self._noise = ""
        self._drain = threading.Thread(target=self._keep_noise, daemon=True)
        self._drain.start()

    def send(self, line: str) -> None:
        """Say one line to the child. A child that is gone hears nothing."""
        pipe = cast("IO[str]", self._process.stdin)
        try:
            pipe.write(line + "\n")
            pipe.flush()
        except (BrokenPipeError, ValueError, OSError):
            return

    def hang_up(self) -> None:
        """Close the child's stdin: no more orders."""
        pipe = cast("IO[str]", self._process.stdin)
        try:
            pipe.close()
        except OSError:
            return

    def lines(self) -> Iterator[str]:
        """Give each line the child says, until it ends."""
        pipe = cast("IO[str]", self._process.stdout)
        with pipe:
            yield from pipe
        self._process.wait()
        self._drain.join(timeout=5.0)

    def kill(self) -> None:
        """End the child at once; safe to call twice, from any thread."""
        self._process.kill()

    def rest(self) -> None:
        """Stop the child's clock; one that ended stays so."""
        for process in self._family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def go_on(self) -> None:
        """Let a child that rests run again."""
        for process in self._family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def _family(self) -> list[psutil.Process]:
        """Return the child and its own: on Windows a virtual environment's Python is one."""
        try:
            child = psutil.Process(self._process.pid)
            return [child, *child.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    @property
    def exit_status(self) -> int | None:
        return self._process.poll()

    @property
    def noise(self) -> str:
        """The last of what the child wrote on stderr."""
        return self._noise

    def _keep_noise(self) -> None:
        pipe = cast("IO[str]", self._process.stderr)
        with pipe:
            for line in pipe:
                self._noise = (self._noise + line)[-_TAIL_CHARS:]


class Task:
    """One piece of work in a child process. Iterate over `events`; `cancel` kills."""

    def __init__(
        self,
        name: str,
        request: Mapping[str, Any],
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._child = JsonLines(["task", name], environment=environment)
        self._name = name
        self._cancelled = False
        self._child.send(json.dumps(to_json(request)))
        self._child.hang_up()

    def events(self) -> Iterator[TaskEvent]:
        """Give each event; the last is a result.

        Raises:
            TunesmithError: The work failed, was cancelled, or the child died.
        """
        answered = False
        told: TunesmithError | None = None
        for line in self._child.lines():
            event = _event(line)
            if event is None:
                continue
            if event.get("kind") == "error":
                told = _told(event)  # raised once the child has ended and is reaped
                continue
            answered = answered or event.get("kind") == "result"
            yield event
        if told is not None:
            raise told
        if not answered:
            raise self._died()

    def rest(self) -> None:
        """Let the work stand still where it is, holding what it has."""
        self._child.rest()

    def go_on(self) -> None:
        """Let work that rests go on."""
        self._child.go_on()

    def cancel(self) -> None:
        """Kill the work; `events` then raises `WorkFailed` with code ``cancelled``."""
        self._cancelled = True
        self._child.kill()

    def result(self) -> dict[str, Any]:
        """Wait for the end and return the result's keys.

        Raises:
            TunesmithError: As `events`.
        """
        found: dict[str, Any] = {}
        for event in self.events():
            if event.get("kind") == "result":
                found = event
        return found

    def _died(self) -> TunesmithError:
        if self._cancelled:
            return WorkFailed("cancelled", "It was cancelled.", hint="Start it again.")
        return WorkFailed(
            "worker.died",
            f"The work “{self._name}” ended without an answer"
            f" (status {self._child.exit_status}).",
            hint=_blame(self._child.noise),
        )


def _blame(noise: str) -> str:
    last = [line for line in noise.strip().splitlines() if line.strip()]
    if not last:
        return "It may have run out of memory. Close other programs and try again."
    return f"Its last words were: {last[-1].strip()}"


def _event(line: str) -> TaskEvent | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return cast("TaskEvent", found) if isinstance(found, dict) else None


def _told(event: TaskEvent) -> TunesmithError:
    code = str(event.get("code", "worker.error"))
    default = RequestError if event.get("status") == 2 else WorkFailed
    message, hint = str(event.get("message", "")), str(event.get("hint", ""))
    where = _where(event.get("where"))
    return error_of(code, message, hint=hint, where=where, default=default)


def _where(found: Any) -> Where | None:
    if not isinstance(found, dict):
        return None
    told = cast("dict[str, Any]", found)
    line = told.get("line")
    named = str(told.get("file", ""))
    return Where(file=named, line=line if isinstance(line, int) else None)
