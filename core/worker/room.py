"""How much room the steps of a run need at once on its card."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from core.data.examples import Examples
from core.engine.device import Compute
from core.errors import TunesmithError
from core.estimate.reserved import room_bytes
from core.hardware.budget import device_budget
from core.models.reading import read_shape
from core.plan.plan import Plan


def step_bytes(base: Path, plan: Plan, rows: Examples, compute: Compute) -> int:
    """Return the bytes that a batch of the longest of `rows` takes in large blocks.

    0 where nothing is known of the model in the folder `base`.
    """
    with suppress(TunesmithError, OSError):
        shape = read_shape(base)
        longest = max(len(row.ids) for row in (*rows.train, *rows.held_out))
        if shape.known and shape.task == "causal":
            method = replace(plan.method, compute_dtype=compute.dtype_name)
            train = replace(plan.train, seq_len=min(longest, plan.train.seq_len))
            plan = replace(plan, method=method, train=train)
            return room_bytes(plan, shape, device_budget())
    return 0
