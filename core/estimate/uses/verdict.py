"""Fits, tight or not, in each of the places a use needs room."""

from typing import Final

from core.estimate.answer import Verdict
from core.estimate.uses.answer import Need, UseKind
from core.estimate.verdict import judge
from core.hardware.budget import DeviceBudget
from core.units import bytes_text

# What a full disk or memory costs others: this share of it stays free.
_COMFORT: Final = 0.06
# The worst first; what was not judged comes last.
_ORDER: Final[tuple[Verdict | None, ...]] = (
    "too-large", "fits-if-closed", "unknown", "tight", "fits", None,
)  # fmt: skip
_Judged = tuple[Verdict | None, str]
_DOING: Final[dict[UseKind, str]] = {
    "chat": "Chatting", "evaluate": "Evaluating",
    "merge": "Merging", "export": "Exporting",
}  # fmt: skip


def verdict_of(
    use: UseKind,
    need: Need,
    budget: DeviceBudget,
    *,
    known: bool,
    host_free: int | None,
    disk_free: int | None,
) -> tuple[Verdict, str]:
    """Return the worst verdict of device, main memory and disk, and all the reasons.

    A place whose free bytes nobody asked for is not judged; its need is told.
    """
    device, host, disk = (need.total(where) for where in ("device", "host", "disk"))
    found: list[_Judged] = []
    if device:
        high = device + need.more
        found.append(judge(process=device, high=high, budget=budget, known=known))
    doing = _DOING[use]
    if host:
        more = 0 if device else need.more
        found.append(_room(doing, "main memory", host, host + more, host_free))
    if disk:
        found.append(_room(doing, "disk", disk, disk, disk_free, gone=need.gone))
    if not found:
        return "fits", "Nothing needs to be done: there is no adapter."
    found.sort(key=lambda one: _ORDER.index(one[0]))
    return found[0][0] or "unknown", " ".join(reason for _, reason in found)


def _room(
    doing: str, place: str, size: int, high: int, free: int | None, *, gone: int = 0
) -> _Judged:
    need = f"{doing} needs {bytes_text(size)} of {place}"
    if gone:
        need += f" ({bytes_text(gone)} only until it is done)"
    if free is None:
        return None, f"{need}."
    at_most = f", at most {bytes_text(high)}" if high > size else ""
    told = f"{need}{at_most}; {bytes_text(free)} are free."
    if high <= free * (1 - _COMFORT):
        return "fits", told
    return ("tight", told) if high <= free else ("too-large", told)
