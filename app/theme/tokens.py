"""Design tokens: every colour and size the window is drawn with, as plain values.

No Qt here, so that `present.py` files and tests can name tones and check contrast.
Text sizes are pixels at 100 % and are multiplied by the person's text scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Tone = Literal["neutral", "accent", "good", "warn", "bad"]
"""What a badge or notice says: a name `present` may use without knowing colours."""

TextRole = Literal["caption", "body", "heading", "title"]

TEXT_SIZES: Final[dict[TextRole, int]] = {
    "caption": 12,
    "body": 14,
    "heading": 18,
    "title": 26,
}

GRID: Final = 8
"""All distances are multiples (or halves) of this many pixels."""

RADIUS_CARD: Final = 10
RADIUS_CONTROL: Final = 7

# Okabe & Ito, "Color Universal Design" (2008): distinguishable under the common
# forms of colour blindness. Order chosen so that neighbours differ in lightness.
SERIES: Final = (
    "#0072B2",  # blue
    "#E69F00",  # orange
    "#009E73",  # bluish green
    "#CC79A7",  # reddish purple
    "#56B4E9",  # sky blue
    "#D55E00",  # vermilion
    "#F0E442",  # yellow
    "#8A8D96",  # grey stands in for black, which a dark window would swallow
)

# The same hues, lighter where the originals would sink into a dark window.
SERIES_ON_DARK: Final = (
    "#3D9BDA",
    "#E69F00",
    "#1DB98F",
    "#DB92B8",
    "#7CC6EE",
    "#EC7A33",
    "#F0E442",
    "#A3A6AF",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TonePaint:
    """How one tone is painted: words on a soft ground, and a strong mark."""

    text: str
    ground: str
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """One theme's colours, as ``#RRGGBB``."""

    name: Literal["light", "dark"]
    window: str
    rail: str
    surface: str
    sunken: str
    hover: str
    pressed: str
    line: str
    control_line: str
    text: str
    muted: str
    disabled: str
    accent: str
    accent_hover: str
    accent_pressed: str
    on_accent: str
    accent_text: str
    accent_soft: str
    danger: str
    danger_hover: str
    on_danger: str
    focus: str
    tooltip: str
    on_tooltip: str
    neutral: TonePaint
    good: TonePaint
    warn: TonePaint
    bad: TonePaint

    def tone(self, tone: Tone) -> TonePaint:
        """Return the paint of `tone`."""
        match tone:
            case "neutral":
                return self.neutral
            case "good":
                return self.good
            case "warn":
                return self.warn
            case "bad":
                return self.bad
            case "accent":
                return TonePaint(
                    text=self.accent_text, ground=self.accent_soft, mark=self.accent
                )


LIGHT: Final = Tokens(
    name="light",
    window="#F8F8FA",
    rail="#F1F1F4",
    surface="#FFFFFF",
    sunken="#F2F2F5",
    hover="#ECECF0",
    pressed="#E2E2E8",
    line="#E4E4EA",
    control_line="#C6C7D0",
    text="#17181C",
    muted="#5B5E69",
    disabled="#9A9CA6",
    accent="#4453DE",
    accent_hover="#3745C9",
    accent_pressed="#2C39B0",
    on_accent="#FFFFFF",
    accent_text="#3745C9",
    accent_soft="#ECEEFC",
    danger="#B82A22",
    danger_hover="#9C211A",
    on_danger="#FFFFFF",
    focus="#4453DE",
    tooltip="#23252B",
    on_tooltip="#F4F4F6",
    neutral=TonePaint(text="#4A4D57", ground="#EEEEF2", mark="#6B6E79"),
    good=TonePaint(text="#0A6238", ground="#E3F4EA", mark="#12864E"),
    warn=TonePaint(text="#7C4300", ground="#FCF0D9", mark="#B26200"),
    bad=TonePaint(text="#A3231C", ground="#FCE9E7", mark="#C4362D"),
)

DARK: Final = Tokens(
    name="dark",
    window="#141519",
    rail="#0F1013",
    surface="#1B1C21",
    sunken="#131418",
    hover="#26282E",
    pressed="#30323A",
    line="#2A2C33",
    control_line="#474A55",
    text="#ECEDF0",
    muted="#A2A5AF",
    disabled="#6A6D78",
    accent="#5260E6",
    accent_hover="#5966EA",
    accent_pressed="#4855D6",
    on_accent="#FFFFFF",
    accent_text="#A6AFFF",
    accent_soft="#252A4B",
    danger="#BF382F",
    danger_hover="#C63C33",
    on_danger="#FFFFFF",
    focus="#8A95FF",
    tooltip="#33353D",
    on_tooltip="#F4F4F6",
    neutral=TonePaint(text="#C3C5CD", ground="#2A2C33", mark="#8B8E99"),
    good=TonePaint(text="#74D8A4", ground="#15301F", mark="#37B576"),
    warn=TonePaint(text="#F0BC5E", ground="#34280F", mark="#E09B26"),
    bad=TonePaint(text="#FF9B93", ground="#3B1D1C", mark="#EB5D53"),
)


def contrast(first: str, second: str) -> float:
    """Return the WCAG 2.2 contrast ratio of two ``#RRGGBB`` colours, 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    # WCAG 2.2, "relative luminance".
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
