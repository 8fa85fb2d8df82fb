"""Outlines of text from a TrueType font: as much of the format as a chart's labels need.

Tables are those of the OpenType specification (https://learn.microsoft.com/typography/
opentype/spec/): cmap format 4, glyf with quadratic curves, hmtx. No hinting, no kerning.
Only fonts that come with Tunesmith are read here, never foreign ones.
"""

import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path

Point = tuple[float, float]
Contour = list[Point]
"""A closed outline; x to the right, y upwards, in font units."""

_CURVE_STEPS = 4
_ON_CURVE = 1
_X_SHORT, _Y_SHORT, _REPEAT, _X_SAME, _Y_SAME = 2, 4, 8, 16, 32
_WORDS, _XY_VALUES, _SCALE, _MORE, _XY_SCALE, _TWO_BY_TWO = 1, 2, 8, 32, 64, 128


class Font:
    """A TrueType font's outlines and widths."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        self._tables = self._directory()
        head = self._tables["head"]
        self.units_per_em: int = self._unpack(">H", head + 18)[0]
        self._long_offsets: bool = self._unpack(">h", head + 50)[0] == 1
        self._widths: int = self._unpack(">H", self._tables["hhea"] + 34)[0]
        self._map = self._characters()

    def width(self, text: str, size: float) -> float:
        """Return how far `text` goes at `size` pixels an em."""
        units = sum(self._advance(self._glyph_of(char)) for char in text)
        return units * size / self.units_per_em

    def outlines(self, text: str, size: float, at: Point) -> Iterator[Contour]:
        """Give the contours of `text` in pixels, y downwards, its baseline at `at`."""
        scale = size / self.units_per_em
        pen, baseline = at
        for char in text:
            glyph = self._glyph_of(char)
            for contour in self._contours(glyph):
                yield [(pen + x * scale, baseline - y * scale) for x, y in contour]
            pen += self._advance(glyph) * scale

    def _unpack(self, layout: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(layout, self._data, at)

    def _directory(self) -> dict[str, int]:
        count = self._unpack(">H", 4)[0]
        entries = (12 + 16 * i for i in range(count))
        return {
            self._data[at : at + 4].decode("ascii"): self._unpack(">I", at + 8)[0]
            for at in entries
        }

    def _characters(self) -> dict[int, int]:
        cmap = self._tables["cmap"]
        for i in range(self._unpack(">H", cmap + 2)[0]):
            table = cmap + self._unpack(">I", cmap + 8 + 8 * i)[0]
            if self._unpack(">H", table)[0] == 4:
                return self._segments(table)
        message = "The font has no character map of format 4."
        raise ValueError(message)

    def _segments(self, table: int) -> dict[int, int]:
        count = self._unpack(">H", table + 6)[0] // 2
        layout = f">{count}H"
        ends = self._unpack(layout, table + 14)
        starts = self._unpack(layout, table + 16 + 2 * count)
        deltas = self._unpack(layout, table + 16 + 4 * count)
        offsets_at = table + 16 + 6 * count
        offsets = self._unpack(layout, offsets_at)
        found: dict[int, int] = {}
        for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
            for code in range(start, min(end, 0xFFFE) + 1):
                if offsets[i] == 0:
                    found[code] = (code + deltas[i]) & 0xFFFF
                    continue
                at = offsets_at + 2 * i + offsets[i] + 2 * (code - start)
                glyph = self._unpack(">H", at)[0]
                found[code] = (glyph + deltas[i]) & 0xFFFF if glyph else 0
        return found

    def _glyph_of(self, char: str) -> int:
        return self._map.get(ord(char), 0)

    def _advance(self, glyph: int) -> int:
        index = min(glyph, self._widths - 1)
        return self._unpack(">H", self._tables["hmtx"] + 4 * index)[0]

    def _place(self, glyph: int) -> tuple[int, int]:
        loca, glyf = self._tables["loca"], self._tables["glyf"]
        if self._long_offsets:
            begin, end = self._unpack(">2I", loca + 4 * glyph)
        else:
            begin, end = (2 * x for x in self._unpack(">2H", loca + 2 * glyph))
        return glyf + begin, glyf + end

    def _contours(self, glyph: int) -> list[Contour]:
        begin, end = self._place(glyph)
        if begin == end:  # a space
            return []
        count = self._unpack(">h", begin)[0]
        if count < 0:
            return self._composite(begin + 10)
        return [_flattened(points) for points in self._simple(begin + 10, count)]

    def _simple(self, at: int, count: int) -> list[list[tuple[float, float, bool]]]:
        ends = self._unpack(f">{count}H", at)
        at += 2 * count
        at += 2 + self._unpack(">H", at)[0]  # skips the hinting program
        flags: list[int] = []
        while len(flags) <= ends[-1]:
            flag = self._data[at]
            repeats = self._data[at + 1] if flag & _REPEAT else 0
            at += 2 if flag & _REPEAT else 1
            flags += [flag] * (1 + repeats)
        xs, at = self._coordinates(flags, at, _X_SHORT, _X_SAME)
        ys, at = self._coordinates(flags, at, _Y_SHORT, _Y_SAME)
        points = [
            (float(x), float(y), bool(flag & _ON_CURVE))
            for x, y, flag in zip(xs, ys, flags, strict=True)
        ]
        begins = [0, *(end + 1 for end in ends[:-1])]
        return [points[i : j + 1] for i, j in zip(begins, ends, strict=True)]

    def _coordinates(
        self, flags: list[int], at: int, short: int, same: int
    ) -> tuple[list[int], int]:
        value, found = 0, list[int]()
        for flag in flags:
            if flag & short:
                value += self._data[at] if flag & same else -self._data[at]
                at += 1
            elif not flag & same:
                value += self._unpack(">h", at)[0]
                at += 2
            found.append(value)
        return found, at

    def _composite(self, at: int) -> list[Contour]:
        found: list[Contour] = []
        flags = _MORE
        while flags & _MORE:
            flags, glyph = self._unpack(">2H", at)
            dx, dy = self._unpack(">2h" if flags & _WORDS else ">2b", at + 4)
            at += 8 if flags & _WORDS else 6
            at += 2 * (flags & _SCALE != 0) + 4 * (flags & _XY_SCALE != 0)
            at += 8 * (flags & _TWO_BY_TWO != 0)
            if not flags & _XY_VALUES:
                dx = dy = 0
            parts = self._contours(glyph)
            found += [[(x + dx, y + dy) for x, y in part] for part in parts]
        return found


def _flattened(points: list[tuple[float, float, bool]]) -> Contour:
    """Return a contour of quadratic curves as straight pieces.

    Between two control points lies an unwritten point on the curve, half way.
    """
    whole: list[tuple[float, float, bool]] = []
    for i, (x, y, is_on) in enumerate(points):
        px, py, was_on = points[i - 1]
        if not is_on and not was_on:
            whole.append(((px + x) / 2, (py + y) / 2, True))
        whole.append((x, y, is_on))
    start = next(i for i, point in enumerate(whole) if point[2])
    whole = [*whole[start:], *whole[: start + 1]]
    found: Contour = []
    for i, (x, y, is_on) in enumerate(whole):
        if is_on:
            found.append((x, y))
            continue
        (ax, ay, _), (bx, by, _) = whole[i - 1], whole[i + 1]
        for step in range(1, _CURVE_STEPS):
            t = step / _CURVE_STEPS
            u = 1 - t
            found.append(
                (u * u * ax + 2 * u * t * x + t * t * bx,
                 u * u * ay + 2 * u * t * y + t * t * by)
            )  # fmt: skip
    return found


@cache
def bundled_font(weight: str) -> Font:
    """Return the font that comes with Tunesmith: ``Regular``, ``Medium``, ``SemiBold``."""
    root = Path(__file__).resolve().parent.parent.parent
    return Font(root / "resources" / "fonts" / f"Inter-{weight}.ttf")
