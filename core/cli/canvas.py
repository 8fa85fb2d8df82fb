"""A small picture: smooth lines, discs and text, written as PNG. Needs numpy alone.

Coverage of a pixel by a line is read off its distance to the line; by an outline, it is
summed from signed areas row by row, as in R. Levien's font-rs.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from core import durable
from core.cli.truetype import Contour, Font, Point

Colour = tuple[int, int, int]
Align = str
"""``left``, ``centre`` or ``right``."""
_SHIFT = {"left": 0.0, "centre": 0.5, "right": 1.0}


class Canvas:
    """Pixels to draw on; the origin is at the top left."""

    def __init__(self, width: int, height: int, background: Colour) -> None:
        self._pixels: Any = np.empty((height, width, 3), dtype=np.float32)
        self._pixels[:] = background

    def box(self, corner: Point, size: Point, colour: Colour) -> None:
        """Fill a rectangle of whole pixels."""
        x, y = (round(value) for value in corner)
        width, height = (round(value) for value in size)
        self._pixels[y : y + height, x : x + width] = colour

    def line(
        self,
        points: Sequence[Point],
        colour: Colour,
        *,
        width: float,
        opacity: float = 1.0,
    ) -> None:
        """Draw straight pieces from point to point, with round joints and ends."""
        height, wide = self._pixels.shape[:2]
        mask: Any = np.zeros((height, wide), dtype=np.float32)
        for begin, end in pairwise(points):
            _cover_segment(mask, begin, end, width / 2)
        self._blend(mask, colour, opacity)

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        """Fill a circle."""
        mask: Any = np.zeros(self._pixels.shape[:2], dtype=np.float32)
        _cover_segment(mask, centre, centre, radius)
        self._blend(mask, colour, 1.0)

    def text(
        self,
        words: str,
        at: Point,
        *,
        font: Font,
        size: float,
        colour: Colour,
        align: Align = "left",
    ) -> None:
        """Write `words` with their baseline at `at`."""
        x = at[0] - _SHIFT[align] * font.width(words, size)
        areas: Any = np.zeros(self._pixels.shape[:2], dtype=np.float32)
        _add_areas(areas, font.outlines(words, size, (x, at[1])))
        coverage = np.minimum(np.abs(np.cumsum(areas, axis=1)), 1.0)
        self._blend(coverage, colour, 1.0)

    def save(self, path: Path) -> None:
        """Write the picture as PNG, whole or not at all."""
        pixels = np.clip(np.rint(self._pixels), 0, 255).astype(np.uint8)
        height, width = pixels.shape[:2]
        # each row begins with its filter: 0, none
        rows = np.concatenate(
            [np.zeros((height, 1), np.uint8), pixels.reshape(height, width * 3)], axis=1
        )
        header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
        content = b"\x89PNG\r\n\x1a\n" + b"".join(
            (
                _chunk(b"IHDR", header),
                _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
                _chunk(b"IEND", b""),
            )
        )
        durable.replace_bytes(path, content)

    def _blend(self, mask: Any, colour: Colour, opacity: float) -> None:
        share = (mask * opacity)[..., None]
        ink = np.asarray(colour, dtype=np.float32)
        self._pixels += share * (ink - self._pixels)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return (
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
    )


def _cover_segment(mask: Any, begin: Point, end: Point, radius: float) -> None:
    (ax, ay), (bx, by) = begin, end
    margin = radius + 1
    left, top = max(0, int(min(ax, bx) - margin)), max(0, int(min(ay, by) - margin))
    right, bottom = int(max(ax, bx) + margin) + 1, int(max(ay, by) + margin) + 1
    part = mask[top:bottom, left:right]
    ys, xs = np.mgrid[top : top + part.shape[0], left : left + part.shape[1]] + 0.5
    dx, dy = bx - ax, by - ay
    length_squared = dx * dx + dy * dy or 1.0
    along = np.clip(((xs - ax) * dx + (ys - ay) * dy) / length_squared, 0.0, 1.0)
    distance = np.hypot(xs - ax - along * dx, ys - ay - along * dy)
    np.maximum(part, np.clip(radius + 0.5 - distance, 0.0, 1.0), out=part)


def _add_areas(areas: Any, contours: Iterable[Contour]) -> None:
    for contour in contours:
        for begin, end in zip(contour, [*contour[1:], contour[0]], strict=True):
            _add_edge(areas, begin, end)


def _add_edge(areas: Any, begin: Point, end: Point) -> None:
    """Add what an edge changes in each row, so that a running sum gives coverage."""
    (x0, y0), (x1, y1) = begin, end
    if y0 == y1:
        return
    sign = 1.0 if y0 < y1 else -1.0
    if y0 > y1:
        x0, y0, x1, y1 = x1, y1, x0, y0
    slope = (x1 - x0) / (y1 - y0)
    height, width = areas.shape
    for row in range(max(0, int(y0)), min(height, int(np.ceil(y1)))):
        top, bottom = max(y0, row), min(y1, row + 1)
        tall = sign * (bottom - top)
        middle = x0 + ((top + bottom) / 2 - y0) * slope
        # an edge this short crosses one pixel; its middle says how much lies beyond it
        column = int(middle)
        if 0 <= column < width - 1:
            beyond = middle - column
            areas[row, column] += tall * (1 - beyond)
            areas[row, column + 1] += tall * beyond
