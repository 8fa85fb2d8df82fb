"""``python -m core.worker``: train a run, do one task, or chat."""

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from core.hardware.machine import segments_grow

TASKS: Mapping[str, str] = {
    "make_starter": "core.worker.model_tasks:make_starter",
    "download": "core.worker.model_tasks:download",
    "hub_search": "core.worker.model_tasks:hub_search",
    "dry_run": "core.worker.estimate_tasks:dry_run",
    "data_check": "core.worker.data_tasks:data_check",
    "data_preview": "core.worker.data_tasks:data_preview",
}
"""Task to ``module:function``; each takes (request, tell) and returns the result."""

_USAGE = "Use it as: python -m core.worker train RUN [--resume] | task NAME | chat"
TaskFunction = Callable[[dict[str, Any], Callable[[dict[str, Any]], None]], Any]


def main(arguments: list[str]) -> int:
    """Do what the arguments say and return the exit status."""
    _settle()
    match arguments:
        case ["train", folder]:
            return _train(Path(folder), resume=False)
        case ["train", folder, "--resume"]:
            return _train(Path(folder), resume=True)
        case ["task", name] if name in TASKS:
            return _task(name)
        case ["chat"]:
            from core.worker.speak import chat

            return chat()
        case _:
            sys.stderr.write(_USAGE + "\n")
            return 2


def _settle() -> None:
    """Choose what must be chosen before torch is imported."""
    if sys.platform == "linux":
        # one growing segment instead of many blocks: far less fragmentation
        if segments_grow():
            os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
        _volunteer_for_the_oom_killer()
    # a card's number is its place, as NVML counts, and not its rank in speed
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    # threads that wait sleep instead of spinning: with other programs on the cores,
    # spinning made training forty times slower
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # kernels the CPU keeps for shapes it has met; of the default thousand each holds
    # memory, and a long run grew by 50 MB a step
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
    # torch keeps a thousand more of its own beside them: 10 MB for each width
    os.environ.setdefault("LRU_CACHE_CAPACITY", "16")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _volunteer_for_the_oom_killer() -> None:
    """When memory runs out, end this worker and not the person's desktop."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def _train(folder: Path, *, resume: bool) -> int:
    from core.errors import RequestError
    from core.worker.train import run

    try:
        return run(folder.absolute(), resume=resume)
    except RequestError as err:
        sys.stderr.write(f"{err.message} {err.hint}\n")
        return err.exit_status


def _task(name: str) -> int:
    from core.errors import TunesmithError
    from core.worker.channel import Speaker, private_stdout

    speaker = Speaker(private_stdout())
    request = cast("dict[str, Any]", json.loads(sys.stdin.readline() or "{}"))
    try:
        module, _, function = TASKS[name].partition(":")
        work = cast("TaskFunction", getattr(importlib.import_module(module), function))
        result = work(request, speaker.tell)
    except TunesmithError as err:
        speaker.tell({"kind": "error", **err.to_json(), "status": err.exit_status})
        return err.exit_status
    except BaseException as err:  # noqa: BLE001 - process boundary: tell, never vanish
        traceback.print_exception(err, file=sys.stderr)
        message = f"Something went wrong inside: {type(err).__name__}: {err}"
        speaker.tell({"kind": "error", "code": "bug", "message": message, "status": 1})
        return 1
    speaker.tell({**result, "kind": "result"})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
