"""A run's result and its losses, in words for people."""

from collections.abc import Mapping
from typing import Any

from core.units import bytes_text, count_text


def result_text(document: Mapping[str, Any]) -> str:
    """Return a run's result for a person."""
    lines = [f"{document['run_id']}: {document['status']}, {document['steps']} steps"]
    before, after = document["eval_loss_before"], document["eval_loss"]
    if before and after is not None:
        lines.append(f"Held-out loss {fall_text(before, after)}")
    if document["tokens_per_s"]:
        lines.append(f"{count_text(document['tokens_per_s'])} tokens/s")
    lines += _memory_lines(document)
    if document["adapter_id"]:
        lines.append(f"Adapter {document['adapter_id']} in {document['adapter_dir']}")
    return "\n".join(lines)


def _memory_lines(document: Mapping[str, Any]) -> list[str]:
    memory, peak = document["memory"], document["peak_memory"]
    if memory is not None:
        more = (memory["process_text"], memory["note"])
        return [f"Memory: {memory['text']}", *(line for line in more if line)]
    return [f"Memory: {bytes_text(peak)} measured"] if peak else []


def fall_text(before: float, after: float) -> str:
    """Return ``4.106 → 2.443 (−40 %)``."""
    sign = "−" if after < before else "+"
    return f"{losses(before, after)} ({sign}{abs(after / before - 1):.0%})".replace(
        "%", " %"
    )


def losses(before: float | None, after: float | None) -> str:
    """Return ``3.41 → 1.92``, or what of it is known."""
    if after is None:
        return "" if before is None else f"{before:.3f}"
    return f"{after:.3f}" if before is None else f"{before:.3f} → {after:.3f}"
