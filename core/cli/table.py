"""A table of plain text, columns as wide as they need."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return `rows` under `head`, left-aligned, two spaces between columns."""
    cells = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in cells
    )


def pairs(items: Sequence[tuple[str, str]]) -> str:
    """Return labels and values, one a line, the values aligned; empty ones left out."""
    shown = [(label, value) for label, value in items if value]
    width = max((len(label) for label, _ in shown), default=0)
    return "\n".join(f"{label.ljust(width)}  {value}" for label, value in shown)
