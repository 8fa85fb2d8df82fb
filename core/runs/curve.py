"""A bounded picture of a long series: however long a run, a chart holds few points."""

_MOST_POINTS = 4000


class Curve:
    """Points (x, y), evenly thinned by halving once there are more than 4000.

    The newest point is always there.
    """

    def __init__(self) -> None:
        self._points: list[tuple[float, float]] = []
        self._stride = 1
        self._seen = 0
        self._last: tuple[float, float] | None = None

    def add(self, x: float, y: float) -> None:
        if self._seen % self._stride == 0:
            self._points.append((x, y))
        self._seen += 1
        self._last = (x, y)
        if len(self._points) > _MOST_POINTS:
            self._points = self._points[::2]
            self._stride *= 2

    def points(self) -> tuple[tuple[float, float], ...]:
        """Return the kept points, in the order they came, the newest last."""
        if self._last is None or self._points[-1] == self._last:
            return tuple(self._points)
        return (*self._points, self._last)

    def __len__(self) -> int:
        return self._seen
