"""A run's events as lines a person can follow, with or without a terminal."""

from core.cli.ticker import Ticker
from core.runs.events import Metrics, Phase, Progress, RunEvent, Warned
from core.runs.state import RunState, fold
from tests.cli.test_console import console


def told(events: list[RunEvent], *, watched: bool = False) -> str:
    """Return all that stderr got."""
    made, _, err = console(watched=watched)
    ticker, state = Ticker(made), RunState()
    for event in events:
        state = fold(state, event)
        ticker.tell(event, state)
    return err.getvalue()


def training(steps: int) -> list[RunEvent]:
    """Two seconds a step, a held-out loss half way."""
    events: list[RunEvent] = [Phase(t=0.0, phase="train")]
    for step in range(1, steps + 1):
        events += [
            Metrics(t=2.0 * step, step=step, epoch=0.0, loss=2.5, tokens_per_s=231.6),
            Progress(t=2.0 * step, what="train", done=step, total=steps, unit="step"),
        ]
        if step == steps // 2:
            events += [
                Phase(t=2.0 * step, phase="evaluate"),
                Metrics(t=2.0 * step, step=step, epoch=0.0, eval_loss=2.25),
                Phase(t=2.0 * step, phase="train"),
            ]
    return events


def test_a_long_run_fills_no_log() -> None:
    """About twenty lines, however many steps, and each phase announced once."""
    lines = told(training(2000)).splitlines()

    assert 20 <= len(lines) <= 26
    assert 1 == lines.count("Training …")
    assert any("held-out loss 2.2500" in line for line in lines)


def test_a_step_says_loss_speed_and_time_left() -> None:
    """Twenty steps of two seconds are left after the first twenty of forty."""
    (line,) = [x for x in told(training(40)).splitlines() if "step    20 of 40" in x]

    assert "step    20 of 40  loss 2.5000  232 tokens/s  40 s left" == line


def test_a_terminal_sees_every_step_in_one_line() -> None:
    """Redrawn, not scrolled."""
    text = told(training(40), watched=True)

    assert 40 == text.count("\rstep")
    assert 3 == text.count("\n")


def test_a_warning_is_told_with_its_way_out() -> None:
    """On a line of its own."""
    warned = Warned(t=1.0, code="x", message="Rows were cut.", hint="Raise seq_len.")

    assert "Note: Rows were cut. Raise seq_len.\n" == told([warned])


def test_reading_shows_how_far_it_is() -> None:
    """While a person watches."""
    events: list[RunEvent] = [
        Phase(t=0.0, phase="tokenize"),
        Progress(t=1.0, what="tokenize", done=50, total=300, unit="row"),
    ]

    assert "Reading the data: 50 of 300 row" in told(events, watched=True)
    assert "50 of 300" not in told(events)
