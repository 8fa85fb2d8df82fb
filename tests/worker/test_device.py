"""A run uses the card it was planned for, or says why it does not."""

from pathlib import Path

import pytest

from core.errors import WorkFailed
from core.hardware.gpu import Gpu
from core.units import GIB
from core.worker import stretch as engine_room
from core.worker.channel import EventLog
from core.worker.heartbeat import Heartbeat
from core.worker.stretch import Stretch
from core.worker.wishes import Wishes
from tests.fakes.tiny_run import make_run

CARD = Gpu(
    index=0, name="A card", total=8 * GIB, free=7 * GIB, compute_capability=(8, 6),
    driver="580",
)  # fmt: skip


def test_a_card_that_cuda_cannot_start_is_told(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After sleep the driver may have lost it; days on the processor are no answer."""
    run = make_run(tmp_path, tiny)
    log = EventLog(run.events_file)
    work = Stretch(run, log=log, heart=Heartbeat(run, log), wishes=Wishes(run))
    monkeypatch.setattr(engine_room, "chosen_card", lambda: CARD)
    monkeypatch.setattr(engine_room, "why_no_cuda", lambda: "CUDA unknown error")

    with pytest.raises(WorkFailed, match="A card: CUDA unknown error") as caught:
        work.work()
    log.close()

    assert "gpu.unusable" == caught.value.code
    assert "TUNESMITH_DEVICE=cpu" in caught.value.hint
