"""The forecast against published runs."""

from benchmarks.speed import rows, summary


def test_published_rates_lie_within_the_bounds() -> None:
    """Of every card and loop counted; the expected rate is right within a quarter."""
    found = rows()
    told = summary(found)

    assert told["rows"] == told["within_bounds"] >= 19
    assert 0.8 < told["median_ratio"] < 1.25
    assert told["median_factor"] < 1.25
    assert told["worst_factor"] < 1.6
    assert any(not row.counted for row in found)
