"""Step 4 as plain text: for a message, a note, an issue."""

from __future__ import annotations

from app.setup.fit_view import FitView


def as_text(view: FitView) -> str:
    """Return the whole answer: device, verdict of each method, parts, disk, time."""
    lines = [*view.title, view.device_detail, ""]
    for bar in view.bars:
        total = sum(part.size_bytes for part in bar.parts) / 2**30
        low, high = bar.low_bytes / 2**30, bar.high_bytes / 2**30
        mark = "*" if bar.is_chosen else " "
        lines.append(
            f"{mark} {bar.label:<18}{total:>8.2f} GiB"
            f"  ({low:.2f} to {high:.2f})  {bar.verdict}"
        )
    lines.append("")
    lines += [
        f"  {part.name:<18}{part.size:>12}  {part.share:>5}" for part in view.parts
    ]
    told = [view.exact_line] if view.exact_line else []
    told += [f"{name}: {text}" for name, text in view.facts]
    return "\n".join([*lines, "", *told]).strip() + "\n"
