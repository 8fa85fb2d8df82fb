"""What a person sees of pip: what is fetched, how far it is, and why it failed."""

from bootstrap.narrator import Narrator

FETCH = """\
Looking in indexes: https://download.pytorch.org/whl/cu130
Collecting torch==2.13.0+cu130
  Downloading https://download.pytorch.org/whl/torch-2.13.0%2Bcu130-cp311.whl (1200 MB)
Progress 0 of 1200000000
Progress 600000000 of 1200000000
Progress 1200000000 of 1200000000
Collecting filelock (from torch==2.13.0+cu130)
  Downloading filelock-4.2.11-py3-none-any.whl (30 kB)
Progress 30000 of 30000
Installing collected packages: filelock, torch
Successfully installed filelock-4.2.11 torch-2.13.0+cu130
""".splitlines(keepends=True)


def told(lines: list[str], *, terminal: bool, failed: bool = False) -> list[str]:
    written: list[str] = []
    narrator = Narrator(written.append, terminal=terminal)
    for line in lines:
        narrator.hear(line)
    narrator.end(failed=failed)
    return written


def test_on_a_terminal_one_line_moves() -> None:
    """Name, amount and share of each download are painted over each other."""
    written = told(FETCH, terminal=True)
    seen = [text.strip() for text in written]

    assert "torch 2.13.0+cu130  600 MB of 1.2 GB, 50 %" in seen
    assert "filelock 4.2.11  30 kB of 30 kB, 100 %" in seen
    assert "installing 2 packages" in seen
    assert not any("\n" in text for text in written)


def test_a_shorter_line_leaves_nothing_of_a_longer_one() -> None:
    """Each painting covers what was painted before it; in the end nothing is left."""
    screen: list[str] = []
    for text in told(FETCH, terminal=True):
        for part in text.split("\r"):
            screen[: len(part)] = part

    assert "".join(screen).strip() == ""


def test_in_a_log_only_what_takes_long_is_told_once() -> None:
    """Without a terminal a large download and the installation get one line each."""
    assert [text.strip() for text in told(FETCH, terminal=False)] == [
        "fetching torch 2.13.0+cu130, 1.2 GB",
        "installing 2 packages",
    ]


def test_a_failure_shows_what_pip_said_last() -> None:
    """After a failure pip's own words are shown, without the progress lines."""
    lines = [*FETCH[:5], "ERROR: No space left on device\n"]

    (text,) = told(lines, terminal=False, failed=True)[1:]

    assert "ERROR: No space left on device" in text
    assert "Progress" not in text


def test_a_long_failure_is_shown_from_its_end() -> None:
    """Hundreds of lines before the error do not push it off the screen."""
    lines = [f"line {n}\n" for n in range(500)]

    (text,) = told(lines, terminal=False, failed=True)

    assert "line 499" in text
    assert len(text.splitlines()) < 40


def retrying(left: int) -> str:
    return f"WARNING: Retrying (Retry(total={left}, connect=None)) after connection broken\n"


def test_five_attempts_in_vain_are_shown_once() -> None:
    """Pip's long lines about each new attempt are one, and known for what they mean."""
    lines = ["Requirement already satisfied: numpy\n"]
    lines += [*map(retrying, (4, 3, 2, 1, 0)), "ERROR: No matching distribution\n"]
    written: list[str] = []
    narrator = Narrator(written.append, terminal=False)
    for line in lines:
        narrator.hear(line)
    narrator.end(failed=True)

    assert narrator.gave_up
    assert "".join(written).count("Retrying") == 1
    assert "satisfied" not in "".join(written)


def test_an_attempt_that_may_still_succeed_is_not_given_up() -> None:
    """One bad connection says nothing about why pip fails later."""
    narrator = Narrator(lambda _: None, terminal=False)
    narrator.hear(retrying(4))
    narrator.hear("ERROR: Cannot install alpha and beta\n")

    assert not narrator.gave_up
