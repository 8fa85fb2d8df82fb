"""Sizes, durations and counts, as people write and read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.units import (
    GIB,
    MIB,
    bytes_text,
    count_text,
    duration_text,
    parse_bytes,
    rough_duration_text,
)


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [
        ("12GiB", 12 * GIB),
        ("12 GB", 12 * GIB),
        ("12g", 12 * GIB),
        ("800M", 800 * MIB),
        ("1024", 1024),
        (" 1.5 GiB ", round(1.5 * GIB)),
    ],
)
def test_a_size_is_read_however_it_is_written(text: str, n_bytes: int) -> None:
    """GB and GiB mean the same: drivers count in powers of two."""
    assert n_bytes == parse_bytes(text)


@pytest.mark.parametrize("text", ["", "big", "12 parsecs", "-3GiB", "1,5GiB", "GiB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """The message repeats what was given."""
    with pytest.raises(ValueError, match=r"is not a size"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (round(18.4 * MIB), "18.4 MiB"),
        (round(9.81 * GIB), "9.81 GiB"),
        (round(1023.9 * MIB), "1.00 GiB"),
        (-GIB, "-1.00 GiB"),
    ],
)
def test_bytes_read_with_three_digits(n_bytes: int, text: str) -> None:
    """No more digits than a size deserves."""
    assert text == bytes_text(n_bytes)


@given(st.integers(min_value=0, max_value=2**52))
def test_text_of_a_size_reads_back_within_its_digits(n_bytes: int) -> None:
    """What is shown may be typed again and means nearly the same."""
    assert parse_bytes(bytes_text(n_bytes)) == pytest.approx(n_bytes, rel=0.006)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (8.4, "8 s"),
        (59.6, "1 min 00 s"),
        (245, "4 min 05 s"),
        (7800, "2 h 10 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations_read_in_two_units_at_most(seconds: float, text: str) -> None:
    """Time left is for planning a cup of tea, not for physics."""
    assert text == duration_text(seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (59.2, "1 min"),
        (61, "1 min"),
        (98, "1 min 40 s"),
        (1000, "17 min"),
        (7700, "2 h 10 min"),
        (277_000, "3 d 5 h"),
    ],
)
def test_a_forecast_is_told_no_finer_than_it_is(seconds: float, text: str) -> None:
    """Ten seconds, minutes, five minutes, hours."""
    assert text == rough_duration_text(seconds)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (950, "950"),
        (19.3253, "19.3"),
        (0.5, "0.50"),
        (231.63, "232"),
        (12_345, "12.3k"),
        (134_515_008, "135M"),
        (999_885_952, "1.00B"),
        (8_030_261_248, "8.03B"),
    ],
)
def test_counts_read_as_the_field_writes_them(count: int, text: str) -> None:
    """A model of a billion parameters is never one of a thousand million."""
    assert text == count_text(count)
