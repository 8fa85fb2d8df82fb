"""Events are read while they are written, and none is missed or read twice."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.runs.events import Metrics, Sample, encode
from core.runs.tail import EventTail, read_events


def metrics(step: int) -> Metrics:
    return Metrics(t=float(step), step=step, epoch=0.0, loss=1.0)


def test_there_may_be_no_file_yet(tmp_path: Path) -> None:
    """A run that is queued has said nothing."""
    assert [] == EventTail(tmp_path / "events.jsonl").read()


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=50,
)
@given(st.lists(st.integers(1, 60), max_size=12), st.integers(1, 64))
def test_however_it_is_written_it_is_read_once(
    tmp_path: Path, sizes: list[int], window: int
) -> None:
    """Writes may end in the middle of a line, reads may be small."""
    path = tmp_path / "events.jsonl"
    whole = "".join(encode(metrics(step)) + "\n" for step in range(8)).encode()
    path.write_bytes(b"")
    tail = EventTail(path)
    found: list[object] = []
    at = 0
    for size in [*sizes, len(whole)]:
        with path.open("ab") as file:
            file.write(whole[at : at + size])
        at += size
        while block := tail.read(window):
            found += block

    assert [metrics(step) for step in range(8)] == found


def test_a_half_written_line_waits(tmp_path: Path) -> None:
    """It is read when its end is there."""
    path = tmp_path / "events.jsonl"
    text = encode(metrics(1))
    path.write_text(text[:9])
    tail = EventTail(path)

    assert [] == tail.read()
    path.write_text(text + "\n")
    assert [metrics(1)] == tail.read()


def test_a_torn_line_in_the_middle_is_skipped(tmp_path: Path) -> None:
    """An engine that was killed and resumed leaves one."""
    path = tmp_path / "events.jsonl"
    path.write_text(f'{encode(metrics(1))}\n{{"t": 2, "ki\n{encode(metrics(3))}\n')

    assert [metrics(1), metrics(3)] == read_events(path)


def test_a_line_longer_than_the_window_is_read(tmp_path: Path) -> None:
    """A sample can be long."""
    path = tmp_path / "events.jsonl"
    path.write_text(encode(metrics(1)) + "\n")

    assert [metrics(1)] == EventTail(path).read(max_bytes=5)


def test_a_text_may_hold_any_character(tmp_path: Path) -> None:
    """Also those that some programs take for the end of a line."""
    text = "one\u2028two\u2029three\x85four\x0bfive\nsix"
    path = tmp_path / "events.jsonl"
    sample = Sample(t=1.0, step=1, prompt="Say it.", text=text)
    path.write_bytes(encode(sample).encode() + b"\n")

    assert [sample] == read_events(path)
