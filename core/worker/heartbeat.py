"""A thread that shows the run is alive: ``status.json`` and the device, each second."""

import os
import threading
import time
from dataclasses import replace

import psutil

from core.errors import DiskFull
from core.hardware.budget import chosen_card
from core.hardware.gpu import Gpu, gpus
from core.runs.events import Device
from core.runs.folder import HEARTBEAT_S, RunFolder, RunStatus, Status, own_start_time
from core.worker.channel import EventLog


class Heartbeat:
    """Stamps the status until it is ended with the last one."""

    def __init__(self, run: RunFolder, log: EventLog) -> None:
        self._run = run
        self._log = log
        self._status = Status(
            status="running", pid=os.getpid(), pid_started=own_start_time()
        )
        self._over = threading.Event()
        self._gpu_index: int | None = None
        self._process_bytes: int | None = None
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def start(self) -> None:
        """Stamp the first status before anything slow begins."""
        self._stamp()
        self._thread.start()

    def at(self, *, step: int, steps: int) -> None:
        """Take note of where the run stands; told with the next beat."""
        self._status = replace(self._status, step=step, steps=steps)

    def watch_gpu(self, index: int) -> None:
        """Report the card with this NVML index from now on, not the processor."""
        self._gpu_index = index

    def process_bytes(self) -> int | None:
        """Return the most the card's driver counted for this process, now or before.

        None on a processor, and where the driver does not say (Windows, containers).
        """
        for gpu in gpus() if self._gpu_index is not None else ():
            self._look_at(gpu)
        return self._process_bytes

    def device(self) -> Device | None:
        """Return how the device is; None for a card not begun on or not answering."""
        if self._gpu_index is not None:
            return self._card(self._gpu_index)
        if chosen_card() is not None:  # torch is on its way: the card is meant
            return None
        memory = psutil.virtual_memory()
        return Device(
            t=time.time(),
            used=memory.total - memory.available,
            total=memory.total,
            utilization=psutil.cpu_percent(),
        )

    def end(self, status: RunStatus) -> None:
        """Stop, and leave `status` as the last word."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        last = self._status
        self._run.write_status(
            Status(
                status=status, heartbeat=time.time(), step=last.step, steps=last.steps
            )
        )

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT_S):
            try:
                self._stamp()
                if (device := self.device()) is not None:
                    self._log.write(device)
            # a full disk stops the training where it is told properly
            except (OSError, DiskFull):
                continue

    def _stamp(self) -> None:
        self._run.write_status(replace(self._status, heartbeat=time.time()))

    def _card(self, index: int) -> Device | None:
        for gpu in gpus():
            if gpu.index == index:
                self._look_at(gpu)
                return Device(
                    t=time.time(),
                    used=gpu.total - gpu.free,
                    total=gpu.total,
                    utilization=gpu.utilization,
                    temperature=gpu.temperature,
                    power=gpu.power,
                )
        return None

    def _look_at(self, gpu: Gpu) -> None:
        for process in gpu.processes:
            if gpu.index == self._gpu_index and process.pid == os.getpid():
                seen = (self._process_bytes or 0, process.used or 0)
                self._process_bytes = max(seen) or None
