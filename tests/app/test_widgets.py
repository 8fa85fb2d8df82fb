"""The building blocks keep their promises, foreign text first of all."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QUrl
from PySide6.QtGui import QDropEvent, QImage, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app import theme
from app.widgets.badge import Badge
from app.widgets.buttons import IconButton, PrimaryButton
from app.widgets.card import ChoiceCard
from app.widgets.command_palette import Command, CommandPalette, matching
from app.widgets.document import LONGEST_TEXT, MarkdownView, SafeText
from app.widgets.drop_zone import DropZone
from app.widgets.expander import Expander
from app.widgets.fields import Choice, LabeledSlider, SearchField, Segmented
from app.widgets.layout import FlowLayout
from app.widgets.line_chart import ChartText, Level, LineChart, Series
from app.widgets.log_tail import LONGEST_LINE, MOST_LINES, LogTail
from app.widgets.memory_bar import GIB, MemoryBar, MemoryPart, MemoryRow
from app.widgets.notice import Action, Notice
from app.widgets.page import PageBody
from app.widgets.progress import ProgressRow
from app.widgets.sparkline import Histogram, Sparkline
from app.widgets.stepper import Stepper
from app.widgets.summary import SummaryCard, SummaryLine
from app.widgets.tables import KeyValueTable
from app.widgets.text import (
    LONGEST_LABEL,
    LONGEST_RUN,
    ElidedLabel,
    Text,
    break_long_runs,
    plain_tip,
)
from app.widgets.toast import ToastHost

EVIL = "<b>bold</b><img src='/etc/passwd'> & <a href='file:///x'>x</a>"


def painted(widget: QWidget) -> set[str]:
    """Return the colours `widget` is painted with."""
    image = QImage(widget.size(), QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    widget.render(painter, QPoint())
    painter.end()
    return {
        image.pixelColor(x, y).name()
        for x in range(0, image.width(), 2)
        for y in range(0, image.height(), 2)
    }


# -- text ----------------------------------------------------------------------


def test_labels_never_read_markup(qtbot: QtBot) -> None:
    """A name with tags is shown with its tags."""
    label, elided = Text(EVIL), ElidedLabel(EVIL)
    for widget in (label, elided):
        qtbot.addWidget(widget)

    assert Qt.TextFormat.PlainText == label.textFormat() == elided.textFormat()
    assert EVIL == label.text()


def test_a_tooltip_is_escaped() -> None:
    """Qt reads tooltips as markup, so ours are escaped."""
    assert "<b>" not in plain_tip(EVIL)
    assert "&lt;b&gt;bold&lt;/b&gt;" in plain_tip(EVIL)


@given(st.text(max_size=5000), st.integers(1, 300))
def test_no_run_is_longer_than_allowed(text: str, longest: int) -> None:
    """Long lines are broken, and nothing is lost on the way."""
    broken = break_long_runs(text, longest=longest)

    assert all(len(line) <= longest for line in broken.split("\n"))
    assert text.replace("\n", "") == broken.replace("\n", "")


def test_a_megabyte_without_a_space_is_shown_at_once(qtbot: QtBot) -> None:
    """Qt takes minutes over one such line; our views take a blink."""
    line = "x" * (1 << 20)
    views = (
        SafeText(name="answer"), MarkdownView(name="answer"), LogTail(), Text(wrap=True)
    )  # fmt: skip
    laid_out: list[str] = []
    for view in views:
        qtbot.addWidget(view)
        view.resize(600, 400)
        if isinstance(view, Text):
            view.setText(line)
        else:
            view.show_text(line)
        view.show()
        assert not view.grab(QRect(0, 0, 600, 400)).isNull()
        laid_out.append(view.text() if isinstance(view, Text) else view.toPlainText())

    safe, markdown, log, label = laid_out
    for text in (safe, log, label):
        assert max(map(len, text.split("\n"))) <= LONGEST_RUN
    # Markdown joins lines; what it lays out is cut all the same.
    assert LONGEST_TEXT <= len(safe) <= len(markdown) + 1 <= LONGEST_TEXT + 1000
    assert len(log) < LONGEST_LINE + 100
    assert len(label) < LONGEST_LABEL + 100


def test_markdown_loads_nothing(qtbot: QtBot, tmp_path: Path) -> None:
    """No image, no HTML, no link is opened, whatever an answer says."""
    secret = tmp_path / "secret.png"
    image = QImage(64, 64, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    assert image.save(str(secret))
    view = MarkdownView(
        f"![a]({secret})\n![b](file://{secret})\n\n<img src='{secret}'><b>no</b>\n\n**yes**",
        name="answer",
    )
    qtbot.addWidget(view)
    view.resize(300, 300)
    view.show()

    assert "#ff0000" not in painted(view)
    assert not view.openLinks()
    assert "<b>no</b>" in view.toPlainText()
    assert "**" not in view.toPlainText()


def test_code_wraps_in_a_narrow_column(qtbot: QtBot) -> None:
    """The end of a line of code is not out of sight."""
    line = "total = " + " + ".join(f"number_{at}" for at in range(12))
    view = MarkdownView(f"```python\n{line}\n```", name="answer")
    qtbot.addWidget(view)
    view.resize(220, 100)
    view.show()

    qtbot.waitUntil(lambda: view.height() > 60)
    assert view.document().size().width() <= view.viewport().width()


def test_a_text_too_long_says_how_much_is_missing(qtbot: QtBot) -> None:
    """Beyond the limit the number of hidden characters is told."""
    view = SafeText("word " * 100_000, name="answer")
    qtbot.addWidget(view)

    assert f"{500_000 - LONGEST_TEXT} more characters" in view.toPlainText()


def test_an_elided_label_tells_the_whole_on_hover(qtbot: QtBot) -> None:
    """Only a label that hides something has a tooltip."""
    label = ElidedLabel("A rather long name of a model that does not fit")
    qtbot.addWidget(label)
    label.resize(60, 20)
    label.show()
    narrow = label.toolTip()
    label.resize(900, 20)

    assert "does not fit" in narrow
    assert "" == label.toolTip()


def test_the_log_is_bounded_and_follows_its_end(qtbot: QtBot) -> None:
    """100,000 lines keep the last 5,000, painted once, at the end."""
    log = LogTail()
    qtbot.addWidget(log)
    log.resize(400, 200)
    log.show()
    for number in range(100_000):
        log.append_text(f"line {number}")
    before = log.toPlainText()
    log.flush()

    assert "" == before
    assert MOST_LINES == log.blockCount()
    assert log.toPlainText().endswith("line 99999")
    assert log.verticalScrollBar().value() == log.verticalScrollBar().maximum()


# -- fields --------------------------------------------------------------------


def test_a_slider_and_its_number_agree(qtbot: QtBot) -> None:
    """Slider, number and reset speak of one value; only a person's edit is told."""
    slider = LabeledSlider("Rank", stops=(4, 8, 16, 32), default=16)
    qtbot.addWidget(slider)
    told: list[float] = []
    slider.edited.connect(told.append)

    slider.set_value(8)
    assert (8, 1, []) == (slider.value, slider.slider.value(), told)
    assert not slider.reset.isHidden()
    slider.slider.setValue(3)
    assert (32, [32]) == (slider.value, told)
    slider.spin.setValue(20)
    assert (2, [32, 20]) == (slider.slider.value(), told)
    slider.reset.click()
    assert (16, [32, 20, 16]) == (slider.value, told)
    assert slider.reset.isHidden()


def test_numbers_are_written_in_c(qtbot: QtBot) -> None:
    """A German desktop does not turn 0.0002 into 0,0002."""
    slider = LabeledSlider("Rate", stops=(0.0001, 0.001), default=0.0002, decimals=4)
    qtbot.addWidget(slider)

    assert "0.0002" == slider.spin.text()


def test_choices_tell_a_person_s_choice_alone(qtbot: QtBot) -> None:
    """What the program sets is silent; what is clicked is told by key."""
    told: list[str] = []
    segmented = Segmented((("a", "One"), ("b", "Two")), name="Which")
    choice = Choice((("x", "Ex"), ("y", "Why")), name="Letter")
    for widget in (segmented, choice):
        qtbot.addWidget(widget)
        widget.picked.connect(told.append)

    segmented.set_key("b")
    choice.set_key("y")
    assert ("b", "y", []) == (segmented.key, choice.key, told)
    segmented.findChildren(QPushButton)[0].click()
    choice.activated.emit(1)
    assert ["a", "y"] == told


def test_a_segmented_choice_is_walked_by_arrows(qtbot: QtBot) -> None:
    """Tab reaches the chosen one, arrows choose another and tell it."""
    segmented = Segmented((("a", "One"), ("b", "Two")), name="Which")
    qtbot.addWidget(segmented)
    segmented.show()
    first = segmented.findChildren(QPushButton)[0]
    first.setFocus()

    with qtbot.waitSignal(segmented.picked) as told:
        qtbot.keyClick(first, Qt.Key.Key_Right)

    assert ["b"] == told.args
    assert "b" == segmented.key


def test_a_choice_keeps_its_key_when_the_options_change(qtbot: QtBot) -> None:
    """New options keep what was chosen, where it is still on offer."""
    choice = Choice((("x", "Ex"), ("y", "Why")), name="Letter")
    qtbot.addWidget(choice)
    choice.set_key("y")

    choice.set_options((("w", "Double you"), ("y", "Why")))

    assert "y" == choice.key


def test_search_waits_for_a_pause(qtbot: QtBot) -> None:
    """Typing a word asks once, not once a letter."""
    field = SearchField("Search")
    qtbot.addWidget(field)
    told: list[str] = []
    field.searched.connect(told.append)

    with qtbot.waitSignal(field.searched):
        qtbot.keyClicks(field, "qwen")

    assert ["qwen"] == told


# -- cards, steps, notices -----------------------------------------------------


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_Return])
def test_a_choice_card_is_picked_by_key_and_mouse(qtbot: QtBot, key: Qt.Key) -> None:
    """A card is a control: focusable, named, picked by click, Space and Enter."""
    card = ChoiceCard(name="LoRA")
    qtbot.addWidget(card)
    card.show()

    with qtbot.waitSignal(card.picked):
        qtbot.mouseClick(card, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(card.picked):
        qtbot.keyClick(card, key)
    card.set_chosen(True)
    assert "LoRA, chosen" == card.accessibleName()


def test_steps_are_walked_in_any_order(qtbot: QtBot) -> None:
    """Any step can be asked for at any time, and says how it stands."""
    stepper = Stepper(("Model", "Data", "Method"))
    qtbot.addWidget(stepper)
    told: list[int] = []
    stepper.requested.connect(told.append)
    stepper.set_state(2, "problem", why="Nothing chosen")

    stepper._steps[2].click()
    stepper._steps[0].click()

    assert [2, 0] == told
    assert "needs attention" in stepper._steps[2].accessibleName()
    assert "Nothing chosen" == stepper._steps[2].toolTip()


def test_a_notice_offers_the_way_out(qtbot: QtBot) -> None:
    """What happened, what to do, and a button that does it."""
    notice, done = Notice(), list[str]()
    qtbot.addWidget(notice)
    assert notice.isHidden()

    notice.show_notice(
        "bad",
        EVIL,
        "Try again.",
        actions=(Action(text="Again", run=lambda: done.append("x")),),
    )
    next(b for b in notice.findChildren(QPushButton) if b.text() == "Again").click()

    assert ["x"] == done
    assert (EVIL, "Try again.") == notice.words
    assert notice.accessibleName().startswith("Error: ")


def test_undo_runs_once_and_the_toast_is_gone(qtbot: QtBot) -> None:
    """The way back is taken once; a newer toast replaces an older."""
    window, undone = QWidget(), list[int]()
    qtbot.addWidget(window)
    window.resize(900, 600)
    window.show()
    host = ToastHost(window)
    host.show("Old", action="Undo", run=lambda: undone.append(0))
    host.show("Deleted", action="Undo", run=lambda: undone.append(1))
    toast = host.shown
    assert toast is not None

    toast.findChildren(QPushButton)[0].click()

    assert [1] == undone
    assert host.shown is None


def test_the_summary_sends_to_the_step(qtbot: QtBot) -> None:
    """The word Change says which line; painting the same lines again keeps the widgets."""
    card = SummaryCard("Your run")
    qtbot.addWidget(card)
    lines = (SummaryLine(label="Model", value="SmolLM2", key="model", badge="Fits"),)
    card.show_lines(lines)
    button = card.findChildren(QPushButton)[0]
    card.show_lines(lines)

    with qtbot.waitSignal(card.requested) as told:
        button.click()

    assert ["model"] == told.args


def test_progress_shows_how_far_and_is_cancelled(qtbot: QtBot) -> None:
    """A known end fills the bar, an unknown one moves it; cancel is one click."""
    row = ProgressRow("Downloading")
    qtbot.addWidget(row)
    bar = row.findChildren(QProgressBar)[0]

    row.show_progress("Downloading", fraction=0.25, detail="1 of 4 GiB")
    assert 0.25 == bar.value() / bar.maximum()
    row.show_progress("Downloading", fraction=None)
    assert (0, 0) == (bar.minimum(), bar.maximum())
    with qtbot.waitSignal(row.cancelled):
        row._cancel.click()


def test_files_are_taken_by_drop(qtbot: QtBot, tmp_path: Path) -> None:
    """What exists on this disk is told; anything else is refused."""
    file = tmp_path / "täst & <b>.jsonl"
    file.write_text("{}", encoding="utf-8")
    zone = DropZone(text="Drop a file")
    qtbot.addWidget(zone)
    data = QMimeData()
    data.setUrls(
        [QUrl.fromLocalFile(str(file)), QUrl("https://x.y/z"), QUrl("file:///gone")]
    )
    event = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, data,
        Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip

    with qtbot.waitSignal(zone.dropped) as told:
        zone.dropEvent(event)

    assert [(file,)] == told.args


def test_an_expander_hides_and_shows(qtbot: QtBot) -> None:
    """Closed at first, open after a click, and it says which."""
    expander = Expander("All settings")
    qtbot.addWidget(expander)
    expander.body.addWidget(QLabel("Inside"))
    expander.show()
    assert not expander._content.isVisible()

    expander._button.click()

    assert expander._content.isVisible()
    assert expander._button.accessibleName().endswith("open")


def test_a_flow_breaks_where_the_room_ends(qtbot: QtBot) -> None:
    """Narrower is taller, and nothing sticks out."""
    holder = QWidget()
    qtbot.addWidget(holder)
    flow = FlowLayout(holder, spacing=8)
    for name in ("one", "two", "three", "four"):
        flow.addWidget(Badge(name))
    holder.resize(400, 200)
    holder.show()

    assert flow.heightForWidth(80) > flow.heightForWidth(400)
    assert all(0 <= flow.itemAt(at).geometry().right() < 400 for at in range(4))  # type: ignore[union-attr]


def test_rows_of_facts_are_reused(qtbot: QtBot) -> None:
    """Fewer rows leave no trace of the former."""
    table = KeyValueTable()
    qtbot.addWidget(table)
    table.show_rows((("Rank", "16"), ("Alpha", "32", "Scale of the adapter")))
    table.show_rows((("Rank", "8"),))
    QApplication.processEvents()

    assert [("Rank", "8")] == [(k.text(), v.text()) for k, v in table._labels]


# -- pictures ------------------------------------------------------------------


def row(label: str, gib: float, **more: object) -> MemoryRow:
    parts = (
        MemoryPart(name="Weights", size_bytes=int(gib * GIB)),
        MemoryPart(name="Activations", size_bytes=GIB),
    )
    return MemoryRow(
        label=label, parts=parts, low_bytes=int(gib * GIB), high_bytes=int((gib + 2) * GIB),
        **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_memory_bar_paints_each_part_in_its_colour(qtbot: QtBot) -> None:
    """The chosen row shows the full colours; the legend and the words are there too."""
    bar = MemoryBar()
    qtbot.addWidget(bar)
    bar.resize(640, 300)
    bar.show_rows(
        (row("LoRA", 4, chosen=True, verdict="Fits", tone="good"),), free_bytes=8 * GIB
    )
    bar.show()
    colours = painted(bar)

    assert {"#0072b2", "#e69f00"} <= colours
    assert "LoRA: 5.00 GiB, Fits" == bar.accessibleDescription()


def test_a_narrow_memory_bar_keeps_its_whole_legend(qtbot: QtBot) -> None:
    """A legend that wraps has its second line, whatever the width was before."""
    window = QWidget()
    qtbot.addWidget(window)
    bar = MemoryBar()
    QVBoxLayout(window).addWidget(bar)
    parts = tuple(
        MemoryPart(name=f"A part of it {at}", size_bytes=GIB) for at in range(6)
    )
    bar.show_rows(
        (MemoryRow(label="LoRA", parts=parts, low_bytes=0, high_bytes=GIB),),
        free_bytes=0,
    )
    window.resize(900, 400)
    window.show()
    window.resize(460, 400)
    qtbot.waitUntil(lambda: bar.width() < 460)

    assert bar.heightForWidth(bar.width()) > bar.heightForWidth(900)
    assert bar.height() >= bar.heightForWidth(bar.width())


def test_a_slider_counts_one_as_one(qtbot: QtBot) -> None:
    """The number wears its unit, in the singular too, and its thousands apart."""
    slider = LabeledSlider("Batch", stops=(1, 2, 4096), default=1, unit="passes")
    qtbot.addWidget(slider)
    assert "1 pass" == slider.spin.text()
    slider.set_value(2)
    assert "2 passes" == slider.spin.text()
    slider.set_value(4096)
    assert "4,096 passes" == slider.spin.text()


def test_the_memory_bar_grows_with_its_rows(qtbot: QtBot) -> None:
    """Each row has its room, and an empty bar is no error."""
    bar = MemoryBar()
    qtbot.addWidget(bar)
    bar.resize(640, 300)
    bar.show_rows((), free_bytes=0)
    bar.show()
    painted(bar)
    one = bar.heightForWidth(640)
    bar.show_rows((row("a", 1), row("b", 2), row("c", 3)), free_bytes=GIB)

    assert bar.heightForWidth(640) > one
    assert bar.heightForWidth(100) > bar.heightForWidth(640)


def test_small_pictures_bear_gaps_and_nothing(qtbot: QtBot) -> None:
    """NaN leaves a gap, no values paint nothing, a cut outside the range is no error."""
    spark, histogram = Sparkline(), Histogram(name="Lengths")
    for widget in (spark, histogram):
        qtbot.addWidget(widget)
        widget.resize(300, 160)
        widget.show()
        painted(widget)
    spark.show_values([3.0, math.nan, 2.0, math.inf, 1.0])
    histogram.show_counts([0, 0], edges=(0, 10), cut=99)
    histogram.show_counts([5, 3, 1], edges=(0, 30), cut=20, cut_label="20 keeps 99 %")

    assert 1 < len(painted(spark))
    assert "#17181c" in painted(histogram)
    assert "from 3 to 1" == spark.accessibleDescription()


def test_a_chart_is_empty_until_there_are_points(qtbot: QtBot) -> None:
    """Words first, curves after, words again when they are gone."""
    chart = LineChart()
    qtbot.addWidget(chart)
    chart.resize(500, 300)
    chart.show()
    assert 0 == chart._area.currentIndex()

    chart.show_series(
        (
            Series(name="loss", x=[1, 2, 3], y=[3.0, math.nan, 2.0]),
            Series(name="held out", x=[1, 3], y=[3.1, 2.1], look="points", colour=1),
        ),
        levels=(Level(name="before", y=3.5),),
    )
    assert 1 == chart._area.currentIndex()
    assert "loss: 3 points, last 2" in chart.plot.accessibleDescription()
    chart.set_log(True)
    chart.show_series((Series(name="loss", x=[1], y=[1.0]),))
    assert ["loss"] == [curve.name for curve in chart.plot.curves]
    chart.show_series(())
    assert 0 == chart._area.currentIndex()


def test_a_chart_holds_a_million_points(qtbot: QtBot) -> None:
    """A million points become a few hundred, and not one peak is lost."""
    import numpy as np

    from app.widgets.plot_scale import Span, thinned

    xs = np.arange(1_000_000, dtype=float)
    ys = np.sin(xs / 5e4)
    ys[777_777], ys[123_456] = 9.0, -9.0
    thin_xs, thin_ys = thinned(xs, ys, Span(low=0.0, high=999_999.0), 400)

    assert len(thin_xs) == len(thin_ys) <= 802
    assert (9.0, -9.0) == (thin_ys.max(), thin_ys.min())


def test_a_chart_paints_its_curves_in_their_colours(qtbot: QtBot) -> None:
    """Curves, held-out marks and the level are all on the picture, also in log."""
    chart = LineChart(ChartText(y_label="loss"))
    qtbot.addWidget(chart)
    chart.resize(600, 400)
    chart.show_series(
        (
            Series(name="loss", x=range(100), y=[3 - x / 50 for x in range(100)]),
            Series(name="held out", x=[0, 99], y=[3.0, 1.5], look="points", colour=1),
        ),
        levels=(Level(name="before", y=2.0),),
    )
    chart.show()

    for log in (False, True):
        chart.set_log(log)
        assert {theme.series(0).lower(), theme.series(1).lower()} <= painted(chart)


def test_a_chart_is_zoomed_and_moved_by_keys(qtbot: QtBot) -> None:
    """Plus looks closer, arrows move, Home shows all; the mouse is not needed."""
    chart = LineChart()
    qtbot.addWidget(chart)
    chart.resize(600, 400)
    chart.show_series((Series(name="loss", x=range(101), y=range(101)),))
    chart.show()
    plot = chart.plot
    assert plot.view is None

    qtbot.keyClick(plot, Qt.Key.Key_Plus)
    closer = plot.view
    assert closer is not None
    assert 80 == pytest.approx(closer.width)
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    assert plot.view is not None
    assert plot.view.low > closer.low
    qtbot.keyClick(plot, Qt.Key.Key_Home)
    assert plot.view is None


def test_the_values_under_the_mouse_are_read(qtbot: QtBot) -> None:
    """Hovering shows step and values, in words, inside the chart."""
    chart = LineChart()
    qtbot.addWidget(chart)
    chart.resize(600, 400)
    chart.show_series((Series(name="loss", x=range(101), y=range(101)),))
    chart.show()
    plot = chart.plot
    view, shown = plot._shown()
    heights = plot._heights(shown)
    box = plot._box(heights)

    reading = plot._reading(box.center(), box, view, heights)

    assert "step 50" == reading.head
    assert ("loss", "50") == reading.lines[0][:2]


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(1, 12))
def test_ticks_are_round_and_inside(low: float, width: float, count: int) -> None:
    """Every tick lies within the span, in order, and there are not too many."""
    from app.widgets.plot_scale import Span, nice_ticks

    span = Span(low=low, high=low + width)
    ticks = nice_ticks(span, count)
    room = 1e-6 * max(abs(low), width)

    assert ticks == sorted(ticks)
    assert all(span.low - room <= tick <= span.high + room for tick in ticks)
    assert len(ticks) <= count + 2


@pytest.mark.parametrize(
    ("ticks", "texts"),
    [
        ([0, 500, 1000], ["0", "500", "1,000"]),
        ([0.5, 0.75, 1.0], ["0.50", "0.75", "1.00"]),
        ([0, 5e-4, 1e-3], ["0", "5e-4", "1e-3"]),
        ([2.5, 3.0], ["2.5", "3.0"]),
        ([1e7, 1.25e7], ["1e7", "1.25e7"]),
        ([-3, -2], ["-3", "-2"]),
        ([], []),
    ],
)  # fmt: skip
def test_ticks_are_written_short(ticks: list[float], texts: list[str]) -> None:
    """All ticks of an axis are written alike, with the digits that tell them apart."""
    from app.widgets.plot_scale import tick_texts

    assert texts == tick_texts(ticks)


def test_steps_are_marked_whole() -> None:
    """No tick stands between two steps of a run."""
    from app.widgets.plot_scale import Span, nice_ticks

    for high in (1, 3, 15, 21, 1000):
        ticks = nice_ticks(Span(low=0, high=high), 6, whole=True)
        assert all(tick == int(tick) for tick in ticks)
        assert len(ticks) > 1


# -- commands ------------------------------------------------------------------


def test_commands_are_found_by_any_words() -> None:
    """Words in any order; what begins with them comes first."""
    commands = [
        Command(title=title, run=lambda: None)
        for title in ("Go to Runs", "Runs that failed", "New run")
    ]

    assert ["Runs that failed", "Go to Runs"] == [
        c.title for c in matching(commands, "RUNS")
    ]
    assert ["Go to Runs"] == [c.title for c in matching(commands, "runs go")]
    assert 3 == len(matching(commands, "  "))


def test_the_palette_is_driven_by_keys(qtbot: QtBot) -> None:
    """Type, arrow, Enter: the command runs and the palette closes."""
    window, done = QWidget(), list[str]()
    qtbot.addWidget(window)
    window.show()
    commands = [
        Command(title=title, run=lambda title=title: done.append(title))
        for title in ("Go to Home", "Go to Runs", "New run")
    ]
    palette = CommandPalette(commands, window)
    palette.open()

    qtbot.keyClicks(palette.field, "go")
    qtbot.keyClick(palette.field, Qt.Key.Key_Down)
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)

    assert ["Go to Runs"] == done
    assert not palette.isVisible()


def test_an_icon_button_has_words(qtbot: QtBot) -> None:
    """A picture alone says nothing to a screen reader, so it must be named."""
    button = IconButton("trash", name="Delete", tip="To the trash")
    qtbot.addWidget(button)

    assert "Delete" == button.accessibleName()
    assert "Delete. To the trash" in button.toolTip()


def test_buttons_take_the_focus_by_keyboard_alone(qtbot: QtBot) -> None:
    """A click leaves no ring behind."""
    button = PrimaryButton("Go", tip="Goes")
    qtbot.addWidget(button)

    assert Qt.FocusPolicy.TabFocus == button.focusPolicy()


def test_a_page_ends_where_its_last_card_ends(qtbot: QtBot) -> None:
    """Long paragraphs leave no empty screen below: the width there is counts."""
    words = "A sentence of some length that wraps where the room ends. " * 12
    body = PageBody(*(Text(words, wrap=True) for _ in range(6)))
    body.column.addStretch(1)
    qtbot.addWidget(body)
    body.resize(800, 200)
    body.show()

    inner, item = body.column.parentWidget(), body.column.itemAt(5)
    assert inner is not None
    assert item is not None
    last = item.widget()
    assert last is not None
    margin = body.column.contentsMargins().bottom()
    free = inner.height() - last.geometry().bottom() - 1
    assert free <= margin + body.column.spacing()


def test_a_height_is_measured_anew_when_words_or_letters_change(qtbot: QtBot) -> None:
    """A label and the bar remember their height only as long as it is theirs."""
    label = Text("word " * 20, wrap=True)
    qtbot.addWidget(label)
    label.show()
    short = label.heightForWidth(200)
    label.setText("word " * 80)
    long = label.heightForWidth(200)
    label.setStyleSheet("font-size: 60px")

    assert short < long < label.heightForWidth(200)

    bar = MemoryBar()
    qtbot.addWidget(bar)
    narrow = 120
    parts = tuple(
        MemoryPart(name=f"Part number {at}", size_bytes=GIB) for at in range(4)
    )
    row = MemoryRow(label="LoRA", parts=parts[:1], low_bytes=GIB, high_bytes=GIB)
    bar.show_rows([row], free_bytes=0)
    one = bar.heightForWidth(narrow)
    bar.show_rows([replace(row, parts=parts)], free_bytes=0)
    assert one < bar.heightForWidth(narrow)
