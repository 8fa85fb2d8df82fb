"""Colours that can be read, icons that exist, a style sheet that is whole."""

from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path

import pytest
from PySide6.QtGui import QFontInfo
from PySide6.QtWidgets import QApplication, QCheckBox, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app import theme
from app.theme import icons, style
from app.theme.tokens import DARK, LIGHT, SERIES, Tokens, contrast

ROOT = Path(__file__).resolve().parents[2]
GROUNDS = ("window", "surface", "rail", "sunken", "hover")
TONES = ("neutral", "accent", "good", "warn", "bad")


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        *itertools.product(("text", "muted"), GROUNDS),
        *itertools.product(("accent_text",), ("surface", "window", "accent_soft")),
        ("on_accent", "accent"),
        ("on_accent", "accent_hover"),
        ("on_accent", "accent_pressed"),
        ("on_danger", "danger"),
        ("on_danger", "danger_hover"),
        ("on_tooltip", "tooltip"),
        ("text", "pressed"),
    ],
)
def test_words_can_be_read(tokens: Tokens, ink: str, ground: str) -> None:
    """Every pair of words and ground has the contrast of WCAG 2.2 AA."""
    assert 4.5 <= contrast(getattr(tokens, ink), getattr(tokens, ground))


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("tone", TONES)
def test_tones_can_be_read(tokens: Tokens, tone: theme.Tone) -> None:
    """A badge's word is readable on its ground and on a card; its mark is visible."""
    paint = tokens.tone(tone)

    assert 4.5 <= contrast(paint.text, paint.ground)
    assert 4.5 <= contrast(paint.text, tokens.surface)
    assert 3.0 <= contrast(paint.mark, tokens.surface)


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_the_focus_ring_can_be_seen(tokens: Tokens) -> None:
    """The ring around what the keyboard drives stands out from every ground."""
    assert all(
        3.0 <= contrast(tokens.focus, getattr(tokens, ground)) for ground in GROUNDS
    )


def test_contrast_is_that_of_the_standard() -> None:
    """Black on white is 21; a colour on itself is 1; the order is of no account."""
    assert pytest.approx(21.0) == contrast("#000000", "#FFFFFF")
    assert pytest.approx(1.0) == contrast("#336699", "#336699")
    assert contrast("#123456", "#FFFFFF") == contrast("#FFFFFF", "#123456")
    assert pytest.approx(4.54, abs=0.01) == contrast("#767676", "#FFFFFF")


def test_series_colours_differ() -> None:
    """No two of the eight curves share a colour."""
    assert len(SERIES) == len(set(SERIES)) == 8


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_the_style_sheet_is_whole(tokens: Tokens) -> None:
    """No token is left unfilled, braces match, and every image is there."""
    sheet = style.sheet(tokens, scale=1.5)

    assert "$" not in sheet
    assert sheet.count("{") == sheet.count("}")
    pictures = re.findall(r'url\("([^"]+)"\)', sheet)
    assert pictures
    assert all(Path(name).is_file() for name in pictures)


def test_only_the_theme_styles() -> None:
    """One style sheet rules; a page that sets its own would escape the dark theme."""
    guilty = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "app").rglob("*.py")
        if path.parent.name != "theme" and ".setStyleSheet(" in path.read_text("utf-8")
    ]

    assert [] == guilty


def test_every_icon_named_in_the_code_exists() -> None:
    """A misspelt icon would be an error on some page, some day."""
    known = set(icons.names())
    named = re.compile(r"""\bicon=\s*"([a-z-]+)\"""")
    used = {
        (path.name, name)
        for path in (ROOT / "app").rglob("*.py")
        for name in named.findall(path.read_text("utf-8"))
    }

    assert [] == sorted(pair for pair in used if pair[1] not in known)
    assert len(used) > 10


def test_an_icon_takes_its_colour_and_scale(qtbot: QtBot) -> None:
    """The picture is drawn in the colour asked for, at the screen's own pixels."""
    picture = icons.pixmap("stop", "#FF0000", size=24, pixel_ratio=2.0)
    image = picture.toImage()
    inks = {
        image.pixelColor(x, y).name()
        for x in range(image.width())
        for y in range(image.height())
        if image.pixelColor(x, y).alpha() == 255
    }

    assert (48, 48) == (picture.width(), picture.height())
    assert {"#ff0000"} == inks


def test_a_change_of_theme_reaches_what_is_on_screen(qtbot: QtBot) -> None:
    """A label and a button wear the new colours as soon as the theme changes."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    label, button = QLabel("Hello"), QPushButton("Go")
    for widget in (label, button):
        qtbot.addWidget(widget)
        widget.show()

    theme.apply(app, "dark")
    dark = label.palette().windowText().color().name()
    theme.apply(app, "light", text_scale=1.25)
    light = label.palette().windowText().color().name()

    assert (DARK.text.lower(), LIGHT.text.lower()) == (dark, light)
    assert QFontInfo(label.font()).pixelSize() == round(14 * 1.25)
    theme.apply(app, "light")


def test_sizes_that_hold_text_follow_its_scale(qtbot: QtBot) -> None:
    """A panel that was made before grows with its words, and shrinks again."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply(app, "light")
    panel = QLabel("Hello")
    qtbot.addWidget(panel)
    theme.keep_size(panel, width=200, height=40)

    theme.apply(app, "light", text_scale=1.5)
    assert (300, 60) == (panel.minimumWidth(), panel.maximumHeight())
    theme.apply(app, "light")
    assert (200, 40) == (panel.minimumWidth(), panel.maximumHeight())


def test_our_typeface_has_its_weights(qtbot: QtBot) -> None:
    """Inter comes with the app, in three true weights."""
    assert "Inter" == QFontInfo(theme.font()).family()
    assert [400, 500, 600] == [
        QFontInfo(theme.font(weight=weight)).weight() for weight in (400, 500, 600)
    ]


@pytest.mark.parametrize("name", ["Jürgen Groß", "d'Été (x86)", "日本", "100 % #1"])
def test_the_sheet_is_read_in_any_folder(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """Wherever the checkout lies, Qt takes the sheet and finds its pictures."""
    resources = tmp_path / name
    shutil.copytree(style.RESOURCES / "qss", resources / "qss")
    monkeypatch.setattr(style, "RESOURCES", resources)
    box = QCheckBox()
    qtbot.addWidget(box)
    box.setChecked(True)

    box.setStyleSheet(style.sheet(LIGHT))
    box.grab()  # Qt warns of a sheet it refuses and of a picture it cannot open
