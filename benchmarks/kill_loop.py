"""Kill a training again and again and see that it ends the same, byte for byte.

    python -m benchmarks.kill_loop [--kills 12] [--steps 24] [--model DIR]

Without a model: a tiny one with random weights. Each round starts or resumes the worker
and kills it with -9 after a random number of events; at the end the adapter is compared
with that of a run nobody disturbed. Exit status 1 if they differ.
"""

import argparse
import hashlib
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from core.runs.events import Checkpoint
from core.runs.folder import RunFolder
from core.runs.tail import read_events
from tests.fakes.tiny_model import make_tiny_model
from tests.fakes.tiny_run import make_run
from tests.worker.processes import events_of, finish, kill, last, start, weights

RESULTS = Path(__file__).parent / "results"


def killed_run(run: RunFolder, kills: int, chance: random.Random) -> tuple[int, int]:
    """Kill the worker on `run` until it was killed `kills` times or came to its end.

    Returns the kills done and how many of them came right in a save: with a half-written
    checkpoint left behind.
    """
    done = torn = 0
    resume = False
    while done < kills:
        process = start(run, resume=resume)
        wanted = chance.randrange(1, 45)
        for count, _ in enumerate(events_of(process, run), start=1):
            if count >= wanted:
                # now and then a moment later, to hit the middle of a write
                deadline = time.perf_counter() + chance.random() * 0.05
                while time.perf_counter() < deadline and process.poll() is None:
                    continue
                break
        if process.poll() is not None:
            break
        kill(process)
        done += 1
        torn += any(run.checkpoints.glob(".step-*"))
        resume = True
    return done, torn


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", type=Path)
    given = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="kill-loop-"))
    model = given.model or make_tiny_model(work / "tiny")
    changes = {
        "max_steps": given.steps, "save_every": 1, "eval_every": 4, "dropout": 0.1,
    }  # fmt: skip
    calm = make_run(work / "calm", model, **changes)
    finish(calm)
    run = make_run(work / "killed", model, **changes)
    kills, torn = killed_run(run, given.kills, random.Random(given.seed))
    ended = last(finish(run, resume=True))
    same = weights(calm) == weights(run)
    result = {
        "kills": kills,
        "killed_in_a_save": torn,
        "steps": given.steps,
        "status": ended.status,
        "checkpoints_written": sum(
            isinstance(event, Checkpoint) for event in read_events(run.events_file)
        ),
        "byte_identical": same,
        "sha256": hashlib.sha256(weights(run)).hexdigest(),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "kill_loop.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    shutil.rmtree(work)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
