"""``doctor``: what is wrong with this machine, each fault with its fix."""

from core.cli.request import Request
from core.cli.table import pairs
from core.hardware.doctor import Report, Room, examine
from core.units import bytes_text


def doctor(request: Request) -> int:
    """Answer with the machine's report; status 1 if nothing can be trained on it."""
    report = examine(request.places)
    request.console.answer(
        {
            "ok": report.ok,
            "gpus": report.gpus,
            "cpu": report.cpu,
            "memory": report.memory,
            "disk": report.disk,
            "torch": report.torch,
            "versions": report.versions,
            "problems": report.problems,
        },
        _text(report),
    )
    return 0 if report.ok else 1


def _text(report: Report) -> str:
    cards = [
        (
            f"GPU {gpu.index}",
            f"{gpu.name}, {bytes_text(gpu.free)} of {bytes_text(gpu.total)} free",
        )
        for gpu in report.gpus
    ]
    facts = pairs(
        (
            *cards,
            ("Processor", f"{report.cpu.name}, {report.cpu.cores} cores"),
            (
                "Memory",
                _room(report.memory),
            ),
            ("Disk", f"{bytes_text(report.disk.free)} free in {report.disk.path}"),
            ("torch", report.torch.version if report.torch else "not installed"),
        )
    )
    told = [
        f"{problem.level}: {problem.message}\n  {problem.hint}"
        for problem in report.problems
    ]
    return "\n\n".join((facts, *told, "Ready to train." if report.ok else ""))


def _room(room: Room) -> str:
    return f"{bytes_text(room.free)} of {bytes_text(room.total)} free"
