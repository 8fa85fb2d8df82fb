"""A child that answers dry runs at once, hangs, or fails, by what it is asked."""

from __future__ import annotations

import threading
from typing import Any

from core.errors import ModelError, WorkFailed


class DryChild:
    """Stands in for `core.launch.Task`: sequence length 4096 hangs, rank 13 fails.

    Any other task goes on until it is killed.
    """

    asked: list[dict[str, Any]] = []  # noqa: RUF012 - one test's, emptied by its fixture

    def __init__(
        self, name: str, request: dict[str, Any], *, environment: object = None
    ) -> None:
        self._plan: dict[str, Any] = {"train": {"seq_len": 4096}}
        if name == "dry_run":
            DryChild.asked.append(request)
            self._plan = request["plan"]
        self._killed = threading.Event()

    def cancel(self) -> None:
        self._killed.set()

    def events(self) -> Any:
        yield {
            "kind": "progress", "what": "Loading", "done": 20, "total": 100, "unit": "%",
        }  # fmt: skip
        if self._plan["train"]["seq_len"] == 4096:
            self._killed.wait()
            raise WorkFailed("cancelled", "It was cancelled.")
        if self._plan["method"]["rank"] == 13:
            raise ModelError(
                "model.odd", "This cannot be built.", hint="Choose another."
            )
        yield {"kind": "result", "tensors": 1000 + self._plan["method"]["rank"]}
