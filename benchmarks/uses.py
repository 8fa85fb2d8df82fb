"""What a conversation takes: ``python -m benchmarks.uses [--json FILE]``.

The real chat worker on this machine's processor: the starter model, contexts of 256 to
2048 tokens, none to two adapters, in 16 and in 4 bits. The growth of its resident
memory stands beside the estimate made before it was started. Linux; some minutes.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from core.engine.device import compute_for
from core.engine.load import add_adapter, load_base
from core.estimate.uses.price import use_estimate
from core.hardware.budget import cpu_budget
from core.launch import worker_command, worker_environment
from core.models.folder import folder_shape
from core.models.starter import starter_path
from core.places import places
from core.plan.plan import Method, Plan
from core.units import MIB

CONTEXTS_TOKENS = (256, 1024, 2048)
ADAPTERS = (0, 1, 2)
ANSWER_TOKENS = 8
_TEMPLATE_TOKENS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One conversation, measured and priced. Bytes."""

    quantized: bool
    adapters: int
    context_tokens: int
    measured: int
    low: int
    expected: int
    high: int

    @property
    def error(self) -> float:
        return self.expected / self.measured - 1

    @property
    def is_inside(self) -> bool:
        return self.low <= self.measured <= self.high


class Worker:
    """The chat worker as the window starts it, with no card to be seen."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            worker_command("chat"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=worker_environment({"CUDA_VISIBLE_DEVICES": ""}),
        )

    def say(self, **order: Any) -> None:
        """Give one order."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def events(self) -> Iterator[dict[str, Any]]:
        """Give what it says; a failure ends the benchmark in its words."""
        assert self._process.stdout
        for line in self._process.stdout:
            event = json.loads(line)
            if event["kind"] == "failed":
                raise SystemExit(event["message"])
            yield event

    def memory(self, key: str) -> int:
        """Return ``VmRSS`` or ``VmHWM`` in bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        found = re.search(rf"^{key}:\s+(\d+)", status, re.MULTILINE)
        assert found
        return int(found[1]) * 1024

    def forget_peak(self) -> None:
        """Let ``VmHWM`` count from now on."""
        file = Path(f"/proc/{self._process.pid}/clear_refs")
        file.write_text("5", encoding="ascii")

    def end(self) -> None:
        """Let it end by itself."""
        self.say(order="quit")
        self._process.wait(60)


def measured(
    base: Path, adapters: list[Path], context: int, *, quantized: bool
) -> tuple[int, int]:
    """Return the worker's growth in bytes and the tokens it had read and said."""
    worker = Worker()
    worker.say(order="load", model_path=str(base), quantized=quantized)
    began = tokens = 0
    for event in worker.events():
        if event["kind"] == "loading" and event["what"] == "model":
            began = worker.memory("VmRSS")
            worker.forget_peak()
        if event["kind"] == "ready":
            break
    voices = [{"adapter": path.name, "path": str(path)} for path in adapters]
    words = (context - _TEMPLATE_TOKENS) // 4 * "one two three four "
    worker.say(
        order="ask",
        request=1,
        messages=[{"role": "user", "content": words}],
        voices=voices or [{"adapter": ""}],
        sampling={"max_tokens": ANSWER_TOKENS},
    )
    for event in worker.events():
        if event["kind"] == "prompt":
            tokens = event["tokens"]
        if event["kind"] == "finished":
            break
    peak = worker.memory("VmHWM") - began
    worker.end()
    return peak, tokens + ANSWER_TOKENS


def write_adapters(base: Path, folder: Path) -> list[Path]:
    """Write two fresh adapters for `base` and return their folders."""
    made: list[Path] = []
    for seed in range(max(ADAPTERS)):
        model = load_base(base, compute=compute_for("fp32", kind="cpu"))
        adapted = add_adapter(model, Method(), seed=seed, base_name=str(base))
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:  # zero, an adapter is refused as one that does nothing
                torch.nn.init.normal_(weight, std=0.01)
        made.append(folder / f"adapter{seed}")
        adapted.save_pretrained(str(made[-1]))
    return made


def rows(base: Path, folder: Path) -> Iterator[Row]:
    """Measure and price every setting."""
    adapters = write_adapters(base, folder)
    shape, budget = folder_shape(base), cpu_budget()
    for quantized in (False, True):
        plan = Plan(method=Method(kind="qlora" if quantized else "lora"))
        for count in ADAPTERS:
            for context in CONTEXTS_TOKENS:
                peak, tokens = measured(
                    base, adapters[:count], context, quantized=quantized
                )
                found = use_estimate(
                    "chat", plan, shape, budget, context=tokens, adapters=count
                )
                yield Row(
                    quantized=quantized,
                    adapters=count,
                    context_tokens=tokens,
                    measured=peak,
                    low=found.low,
                    expected=found.device,
                    high=found.high,
                )


def main() -> None:
    """Print the table, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    base = starter_path(places())
    if base is None:
        raise SystemExit("Make the starter model first: tunesmith demo --steps 1")
    transformers.logging.disable_progress_bar()
    found: list[Row] = []
    print("BITS  ADAPTERS  TOKENS  MEASURED  EXPECTED  BETWEEN        ERROR   INSIDE")
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(base, Path(folder)):
            found.append(row)
            sizes = [n // MIB for n in (row.measured, row.expected, row.low, row.high)]
            print(
                f"{4 if row.quantized else 16:<6}{row.adapters:<10}"
                f"{row.context_tokens:<8}{sizes[0]:>4} MiB  {sizes[1]:>4} MiB  "
                f"{sizes[2]:>4} – {sizes[3]:<4}  {row.error:>+7.1%}  {row.is_inside}",
                flush=True,
            )
    outside = sum(not row.is_inside for row in found)
    print(f"{len(found)} conversations, {outside} outside their bounds.")
    if arguments.json:
        document = {
            "torch": torch.__version__,
            "device": cpu_budget().name,
            "rows": [asdict(row) for row in found],
        }
        arguments.json.write_text(json.dumps(document, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
