"""What is read from NVML, with a library that answers as NVIDIA's does."""

import ctypes
from typing import Any

from bootstrap import nvml
from bootstrap.nvml import BrokenDriver, Card, Driver


class FakeNvml:
    """The functions of libnvidia-ml that are called, writing through pointers."""

    def __init__(
        self,
        *,
        cuda: int = 13000,
        cards: tuple[tuple[str, int, int], ...] = (),
        init_status: int = 0,
        card_status: int = 0,
    ) -> None:
        self._cuda = cuda
        self._cards = cards
        self._init_status = init_status
        self._card_status = card_status
        self.open = 0

    def nvmlInit_v2(self) -> int:
        self.open += self._init_status == 0
        return self._init_status

    def nvmlShutdown(self) -> int:
        self.open -= 1
        return 0

    def nvmlSystemGetDriverVersion(self, text: Any, size: ctypes.c_uint) -> int:
        text.value = b"580.65.06"[: size.value]
        return 0

    def nvmlSystemGetCudaDriverVersion_v2(self, version: Any) -> int:
        version._obj.value = self._cuda
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = len(self._cards)
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: ctypes.c_uint, handle: Any) -> int:
        handle._obj.value = index.value + 1
        return self._card_status

    def nvmlDeviceGetName(self, handle: Any, text: Any, size: ctypes.c_uint) -> int:
        text.value = self._cards[handle.value - 1][0].encode()
        return 0

    def nvmlDeviceGetCudaComputeCapability(
        self, handle: Any, major: Any, minor: Any
    ) -> int:
        _, major._obj.value, minor._obj.value = self._cards[handle.value - 1]
        return 0


def test_driver_and_cards_are_read() -> None:
    """Version, CUDA version and every card come back as NVML has them."""
    library = FakeNvml(cuda=12080, cards=(("RTX 4090", 8, 9), ("GTX 1080", 6, 1)))

    assert nvml.ask(library) == Driver(
        version="580.65.06",
        cuda_version=(12, 8),
        cards=(
            Card(name="RTX 4090", compute_capability=(8, 9)),
            Card(name="GTX 1080", compute_capability=(6, 1)),
        ),
    )
    assert library.open == 0


def test_a_mismatched_driver_is_broken() -> None:
    """After an update without a restart NVML answers 18, and that is said in words."""
    answer = nvml.ask(FakeNvml(init_status=18))

    assert isinstance(answer, BrokenDriver)
    assert "different versions" in answer.reason


def test_a_lost_card_is_broken_and_nvml_is_closed() -> None:
    """A card that fell off the bus is told, and the library is left closed."""
    library = FakeNvml(cards=(("RTX 4090", 8, 9),), card_status=15)

    answer = nvml.ask(library)

    assert answer == BrokenDriver(reason="a card has fallen off the bus")
    assert library.open == 0
