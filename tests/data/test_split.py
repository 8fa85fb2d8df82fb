"""Which rows are held out, and in which order the others come."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from core.data.batches import batches
from core.data.rows import Row, Text
from core.data.split import split


def texts(*words: str) -> list[Row]:
    return [Text(text=word, line=line) for line, word in enumerate(words, start=1)]


def test_the_same_seed_holds_out_the_same_rows() -> None:
    """The choice is a function of the words and the seed."""
    rows = texts(*map(str, range(100)))

    assert split(rows, 0.1, 7) == split(rows, 0.1, 7)
    assert split(rows, 0.1, 7) != split(rows, 0.1, 8)
    assert 10 == len(split(rows, 0.1, 7)[1])


def test_the_order_of_the_file_does_not_matter() -> None:
    """A row falls on the same side wherever it stands."""
    words = [str(number) for number in range(50)]
    _, held = split(texts(*words), 0.2, 1)
    _, held_reversed = split(texts(*reversed(words)), 0.2, 1)

    assert {row.text for row in held if isinstance(row, Text)} == {
        row.text for row in held_reversed if isinstance(row, Text)
    }


@given(
    words=st.lists(st.sampled_from(["a", "A ", "b", "c", "d", "e  f", "e f"])),
    fraction=st.floats(0.0, 0.9),
    seed=st.integers(0, 2**32 - 1),
)
def test_copies_never_straddle(words: list[str], fraction: float, seed: int) -> None:
    """No held-out row has a copy in training; together they are all rows."""
    rows = texts(*words)
    training, held = split(rows, fraction, seed)

    def said(found: list[Row]) -> set[str]:
        normal = (r.text.casefold().split() for r in found if isinstance(r, Text))
        return {" ".join(word) for word in normal}

    assert Counter(r.line for r in rows) == Counter(r.line for r in [*training, *held])
    assert not said(training) & said(held)
    assert bool(held) == (fraction > 0 and len(said(rows)) >= 2)
    assert training or not rows


@given(
    lengths=st.lists(st.integers(1, 500), max_size=200),
    size=st.integers(1, 9),
    epoch=st.integers(0, 3),
)
def test_each_row_comes_once_an_epoch(
    lengths: list[int], size: int, epoch: int
) -> None:
    """An epoch shows every row once, in batches of at most the size asked for."""
    found = batches(lengths, size, 5, epoch)

    assert sorted(range(len(lengths))) == sorted(n for batch in found for n in batch)
    assert all(1 <= len(batch) <= size for batch in found)
    assert len(found) == -(-len(lengths) // size)
    assert found == batches(lengths, size, 5, epoch)


def test_epochs_differ() -> None:
    """Another epoch or seed, another order."""
    lengths = [10] * 40

    orders = {batches(lengths, 4, seed, epoch) for seed in (1, 2) for epoch in (0, 1)}
    assert 4 == len(orders)


def test_batches_hold_rows_of_like_length() -> None:
    """Padding is well below that of rows taken as they come."""
    lengths = [(number * 37) % 400 + 1 for number in range(640)]

    def padded(groups: list[list[int]]) -> int:
        return sum(max(lengths[n] for n in group) * len(group) for group in groups)

    plain = [list(range(at, at + 8)) for at in range(0, 640, 8)]
    ours = [list(group) for group in batches(lengths, 8, 1, 0)]
    assert padded(ours) < 1.1 * sum(lengths)
    assert padded(plain) > 1.5 * sum(lengths)


def test_the_order_is_pinned() -> None:
    """A resumed run must find the order it left, also after an upgrade of Python."""
    pinned = ((0, 1, 2), (6, 7, 8), (9, 10), (3, 4, 5))

    assert pinned == batches(list(range(1, 12)), 3, 42, 1)
