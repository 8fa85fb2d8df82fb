"""A driver that answers as told: the functions of pynvml that we call, nothing more."""

from dataclasses import dataclass, field


class NVMLError(Exception):
    def __init__(self, words: str, value: int = 999) -> None:
        super().__init__(words)
        self.value = value


@dataclass
class Memory:
    total: int
    free: int


@dataclass
class Rates:
    gpu: int


@dataclass
class Process:
    pid: int
    usedGpuMemory: int | None  # noqa: N815 - pynvml's


@dataclass
class Card:
    name: str | bytes = "NVIDIA GeForce RTX 3060"
    memory: Memory = field(default_factory=lambda: Memory(12 << 30, 10 << 30))
    capability: tuple[int, int] = (8, 6)
    compute: list[Process] = field(default_factory=list[Process])
    graphics: list[Process] = field(default_factory=list[Process])
    knows_power: bool = True
    uuid: str = ""
    slices: list["Card"] = field(default_factory=list["Card"])
    """What MIG has cut it into."""
    shares_memory: bool = False
    """One memory for processor and card: NVML does not know how much is the card's."""


@dataclass
class FakeNvml:
    """`fails_after` counts answers: a driver that goes away in the middle."""

    cards: list[Card]
    driver: str = "550.54.14"
    cuda: int = 12040
    loads: bool = True
    fails_after: int | None = None
    inits: int = 0
    refuses: str = ""
    """Why the driver does not answer at all."""
    NVML_TEMPERATURE_GPU: int = 0
    NVML_ERROR_NOT_SUPPORTED: int = 3
    NVML_ERROR_LIBRARY_NOT_FOUND: int = 12
    NVMLError: type[Exception] = NVMLError

    def _answer(self) -> None:
        if self.fails_after is not None:
            self.fails_after -= 1
            if self.fails_after < 0:
                raise NVMLError("GPU is lost")

    def nvmlInit(self) -> None:
        self.inits += 1
        if not self.loads:
            raise NVMLError("library not found", self.NVML_ERROR_LIBRARY_NOT_FOUND)
        if self.refuses:
            raise NVMLError(self.refuses, 18)

    def nvmlShutdown(self) -> None:
        pass

    def nvmlDeviceGetCount(self) -> int:
        self._answer()
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:
        self._answer()
        return self.cards[index]

    def nvmlDeviceGetName(self, card: Card) -> str | bytes:
        return card.name

    def nvmlDeviceGetMemoryInfo(self, card: Card) -> Memory:
        self._answer()
        if card.shares_memory:
            raise NVMLError("not supported", self.NVML_ERROR_NOT_SUPPORTED)
        return card.memory

    def nvmlDeviceGetUUID(self, card: Card) -> str:
        return card.uuid

    def nvmlDeviceGetMigMode(self, card: Card) -> list[int]:
        if not card.slices:
            raise NVMLError("not supported", self.NVML_ERROR_NOT_SUPPORTED)
        return [1, 1]

    def nvmlDeviceGetMaxMigDeviceCount(self, card: Card) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, card: Card, index: int) -> Card:
        if index >= len(card.slices):
            raise NVMLError("not found", 6)
        return card.slices[index]

    def nvmlDeviceGetCudaComputeCapability(self, card: Card) -> tuple[int, int]:
        return card.capability

    def nvmlSystemGetDriverVersion(self) -> str:
        return self.driver

    def nvmlSystemGetCudaDriverVersion_v2(self) -> int:
        return self.cuda

    def nvmlDeviceGetUtilizationRates(self, card: Card) -> Rates:
        return Rates(gpu=37)

    def nvmlDeviceGetTemperature(self, card: Card, sensor: int) -> int:
        return 61

    def nvmlDeviceGetPowerUsage(self, card: Card) -> int:
        if not card.knows_power:
            raise NVMLError("not supported")
        return 123_000

    def nvmlDeviceGetComputeRunningProcesses(self, card: Card) -> list[Process]:
        return card.compute

    def nvmlDeviceGetGraphicsRunningProcesses(self, card: Card) -> list[Process]:
        return card.graphics
