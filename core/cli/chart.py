"""A run's losses as a picture that stands alone: training loss and held-out loss by step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.cli.canvas import Canvas, Colour
from core.cli.truetype import Point, bundled_font

_WIDTH, _HEIGHT = 1280, 720
_LEFT, _RIGHT, _TOP, _BOTTOM = 96, 40, 128, 80
_PAPER: Colour = (255, 255, 255)
_INK: Colour = (28, 32, 40)
_FAINT: Colour = (104, 112, 124)
_RULE: Colour = (229, 232, 237)
# Okabe and Ito's blue and vermilion, told apart by every kind of eye; the held-out
# curve also has dots.
_TRAINING: Colour = (0, 114, 178)
_HELD_OUT: Colour = (213, 94, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCurves:
    """What the chart shows: points (step, nats per trained token)."""

    title: str
    subtitle: str
    training: Sequence[Point]
    held_out: Sequence[Point]


def draw_losses(curves: LossCurves, path: Path) -> None:
    """Write the chart of `curves` as PNG to `path`, whole or not at all.

    Raises:
        DiskFull: There is no room for it.
    """
    points = [*curves.training, *curves.held_out]
    canvas = Canvas(_WIDTH, _HEIGHT, _PAPER)
    frame = _Frame(points)
    _write_head(canvas, curves)
    _draw_axes(canvas, frame)
    raw = [frame.place(point) for point in curves.training]
    smooth = [frame.place(point) for point in smoothed(curves.training)]
    held_out = [frame.place(point) for point in curves.held_out]
    canvas.line(raw, _TRAINING, width=1.5, opacity=0.3)
    canvas.line(smooth, _TRAINING, width=3.5)
    canvas.line(held_out, _HELD_OUT, width=3.5)
    for point in held_out:
        canvas.disc(point, 7.5, _PAPER)
        canvas.disc(point, 5.5, _HELD_OUT)
    canvas.save(path)


def smoothed(points: Sequence[Point], weight: float = 0.8) -> list[Point]:
    """Return the exponential moving average, unbiased at its beginning."""
    found: list[Point] = []
    total = share = 0.0
    for step, loss in points:
        total = weight * total + (1 - weight) * loss
        share = weight * share + (1 - weight)
        found.append((step, total / share))
    return found


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round values from `low` to `high`, at most `most` steps apart."""
    span = max(high - low, 1e-9)
    rough = span / most
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= rough)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


class _Frame:
    """Where a point of the data lies on the canvas."""

    def __init__(self, points: Sequence[Point]) -> None:
        steps = [step for step, _ in points] or [0.0, 1.0]
        losses = [loss for _, loss in points if math.isfinite(loss)] or [0.0, 1.0]
        self.last_step = max(*steps, 1.0)
        margin = 0.06 * (max(losses) - min(losses)) or 0.5
        self.low, self.high = max(0.0, min(losses) - margin), max(losses) + margin

    def place(self, point: Point) -> Point:
        step, loss = point
        across = step / self.last_step
        up = (loss - self.low) / (self.high - self.low)
        width = _WIDTH - _LEFT - _RIGHT
        height = _HEIGHT - _TOP - _BOTTOM
        return _LEFT + across * width, _HEIGHT - _BOTTOM - up * height


def _write_head(canvas: Canvas, curves: LossCurves) -> None:
    bold, plain = bundled_font("SemiBold"), bundled_font("Regular")
    canvas.text(curves.title, (_LEFT, 52), font=bold, size=28, colour=_INK)
    canvas.text(curves.subtitle, (_LEFT, 86), font=plain, size=19, colour=_FAINT)
    x = float(_WIDTH - _RIGHT)
    legend = (("held-out loss", _HELD_OUT), ("training loss", _TRAINING))
    for words, colour in legend:
        canvas.text(words, (x, 86), font=plain, size=19, colour=_INK, align="right")
        x -= plain.width(words, 19) + 12
        canvas.line([(x - 28, 80), (x, 80)], colour, width=3.5)
        if colour == _HELD_OUT:
            canvas.disc((x - 14, 80), 5.5, colour)
        x -= 28 + 28


def _draw_axes(canvas: Canvas, frame: _Frame) -> None:
    plain = bundled_font("Regular")
    values = ticks(frame.low, frame.high)
    decimals = 0 if all(v == round(v) for v in values) else 1
    decimals = (
        decimals if len({f"{v:.{decimals}f}" for v in values}) == len(values) else 2
    )
    for value in values:
        _, y = frame.place((0, value))
        canvas.box((_LEFT, y), (_WIDTH - _LEFT - _RIGHT, 1), _RULE)
        canvas.text(
            f"{value:.{decimals}f}", (_LEFT - 16, y + 6),
            font=plain, size=18, colour=_FAINT, align="right",
        )  # fmt: skip
    for step in ticks(0, frame.last_step, 8):
        if step != round(step):
            continue
        x, y = frame.place((step, frame.low))
        canvas.text(
            f"{step:.0f}", (x, y + 30),
            font=plain, size=18, colour=_FAINT, align="centre",
        )  # fmt: skip
    middle = _LEFT + (_WIDTH - _LEFT - _RIGHT) / 2
    canvas.text(
        "optimiser step", (middle, _HEIGHT - 18),
        font=plain, size=18, colour=_FAINT, align="centre",
    )  # fmt: skip
