"""The loss chart is a picture that other programs open, and shows what it was given."""

import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.cli.canvas import Canvas
from core.cli.chart import LossCurves, draw_losses, smoothed, ticks
from core.cli.truetype import bundled_font

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def pixels(path: Path) -> Any:
    """Return a PNG's pixels, read by the format's own rules (RFC 2083)."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at, parts = 8, dict[bytes, bytes]()
    while at < len(data):
        length = struct.unpack_from(">I", data, at)[0]
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        checksum = struct.unpack_from(">I", data, at + 8 + length)[0]
        assert checksum == zlib.crc32(kind + body)
        parts[kind] = body
        at += 12 + length
    width, height = struct.unpack_from(">2I", parts[b"IHDR"])
    rows = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8)
    return rows.reshape(height, 1 + 3 * width)[:, 1:].reshape(height, width, 3)


def test_the_chart_is_a_sound_png_with_both_curves(tmp_path: Path) -> None:
    """Both colours are on it, and the paper is white."""
    draw = random.Random(1)
    curves = LossCurves(
        title="First adapter",
        subtitle="Held-out loss 3.2 → 1.4",
        training=[(i, 3 - i / 40 + draw.gauss(0, 0.1)) for i in range(1, 61)],
        held_out=[(i, 3 - i / 40) for i in range(0, 61, 10)],
    )
    draw_losses(curves, tmp_path / "loss.png")
    found = pixels(tmp_path / "loss.png")
    colours = {tuple(colour) for colour in found.reshape(-1, 3)}

    assert (720, 1280, 3) == found.shape
    assert {(255, 255, 255), (0, 114, 178), (213, 94, 0)} < colours


@pytest.mark.parametrize(
    ("training", "held_out"),
    [([], []), ([(1, 2.0)], []), ([], [(0, 3.0)]), ([(1, 2.0), (2, 2.0)], [])],
)
def test_any_run_has_a_chart(
    tmp_path: Path,
    training: list[tuple[float, float]],
    held_out: list[tuple[float, float]],
) -> None:
    """Also one of a single step, or without held-out rows."""
    curves = LossCurves(title="", subtitle="", training=training, held_out=held_out)
    draw_losses(curves, tmp_path / "loss.png")

    assert (720, 1280, 3) == pixels(tmp_path / "loss.png").shape


def test_a_line_covers_what_it_passes(tmp_path: Path) -> None:
    """Its middle is full, its edge half, and far away nothing."""
    canvas = Canvas(20, 20, WHITE)
    canvas.line([(2, 10), (18, 10)], BLACK, width=3)
    canvas.save(tmp_path / "x.png")
    column = pixels(tmp_path / "x.png")[:, 10, 0]

    assert 0 == column[9] == column[10]
    assert 0 < column[8] < 255
    assert 255 == column[5] == column[15]


def test_a_letter_is_filled_and_its_hole_is_not(tmp_path: Path) -> None:
    """The counter of an “o” stays paper; an accent is part of its letter."""
    canvas = Canvas(120, 120, WHITE)
    canvas.text("o", (10, 90), font=bundled_font("Regular"), size=100, colour=BLACK)
    canvas.save(tmp_path / "o.png")
    row = pixels(tmp_path / "o.png")[62, :, 0]
    inked = np.flatnonzero(row < 40)

    assert len(inked) > 8
    middle = (inked[0] + inked[-1]) // 2
    assert 255 == row[middle]
    font = bundled_font("Regular")
    plain, accented = (len(list(font.outlines(c, 10, (0, 0)))) for c in "eé")
    assert accented == plain + 1


def test_text_is_as_wide_as_its_letters() -> None:
    """So that it can be centred."""
    font = bundled_font("SemiBold")

    assert font.width("ab", 20) == pytest.approx(
        font.width("a", 20) + font.width("b", 20)
    )
    assert 0 < font.width(" ", 20) < font.width("W", 20)


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [(0, 60, [0, 10, 20, 30, 40, 50, 60]), (1.2, 3.1, [1.5, 2.0, 2.5, 3.0])],
)
def test_ticks_are_round(low: float, high: float, found: list[float]) -> None:
    """And lie within the axis."""
    assert found == pytest.approx(ticks(low, high))


def test_smoothing_begins_at_the_first_point_and_never_leaves_the_data() -> None:
    """No drag from zero at the beginning."""
    found = smoothed([(1, 4.0), (2, 2.0), (3, 3.0)])

    assert (1, pytest.approx(4.0)) == found[0]
    assert all(2.0 <= loss <= 4.0 for _, loss in found)
