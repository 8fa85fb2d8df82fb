"""A way out that names a command, told by the place in the window that does the same.

Core's hints are written for whoever reads them in a terminal. Somebody who reads them
in the window has the same thing one click away.
"""

from __future__ import annotations

import re
from typing import Final

from core.errors import TunesmithError

_TRAIN: Final = "the Train page"
_WORDS: Final[tuple[tuple[str, str], ...]] = (
    (r"“tunesmith models” lists (them|what there is)\.", r"The Models page lists \1."),
    (
        r"“tunesmith models download starter” makes it, offline, in a minute\.",
        f"Choose it on {_TRAIN}; it is unpacked there, offline, in a minute.",
    ),
    (
        r"“tunesmith models download [^”]*” fetches it\.",
        "Download it on the Models page.",
    ),
    (
        r"Give the whole adapter_id; “tunesmith library list” shows them\.",
        "Choose it in the Library.",
    ),
    (r"“tunesmith library list” shows them all\.", "The Library shows them all."),
    (
        r"“tunesmith library list --trash” shows what can be restored\.",
        "The Library's trash shows what can be restored.",
    ),
    (
        r"“tunesmith runs” lists them; give the whole run_id\.",
        "The Runs page lists them.",
    ),
    (r"Go on with it: tunesmith resume \S+", "Resume it on the Runs page."),
    (
        r"Give the path of a plan file; “tunesmith plan new” writes one\.",
        f"Choose a plan file; “Save plan as…” on {_TRAIN} writes one.",
    ),
    (
        r"or start again with “tunesmith plan new”",
        f"or set it up anew on {_TRAIN}",
    ),
    (
        r"write the plan anew with “tunesmith plan new”",
        f"set it up anew on {_TRAIN}",
    ),
    (
        r"“tunesmith plan new” writes every key there is\.",
        f"A plan saved on {_TRAIN} has every key there is.",
    ),
    (
        r"Correct it in the plan file or with --set, then start again\.",
        f"Correct it on {_TRAIN}, then start again.",
    ),
    (r"Write it like --set (\S+?=\S+)\.", r"Write it like \1."),
    (
        r"“tunesmith fit” shows what to change; --force starts it all the same\.",
        f"“Make it fit” on {_TRAIN} shows what to change.",
    ),
    (
        r"“tunesmith estimate” tells what training this one would take elsewhere\.",
        "“What fits?” tells what training this one would take elsewhere.",
    ),
    (r"Or give its memory: --gpu-memory (\S+?)\.$", r"Or give its memory, as \1."),
    (
        r"Leave out --dry-run: the formula's wide bounds",
        "The formula's wide bounds",
    ),
    (
        r"Allow the network in Settings, or leave out --offline\.",
        "Allow the network in Settings.",
    ),
)
_COMPILED: Final = tuple((re.compile(found), said) for found, said in _WORDS)


def in_window(text: str) -> str:
    """Return `text` with each command replaced by the place that does the same."""
    if "tunesmith" not in text and "--" not in text:
        return text
    for pattern, said in _COMPILED:
        text = pattern.sub(said, text)
    return text


def told_here(err: TunesmithError) -> TunesmithError:
    """Return `err` as it is told in the window; it is the same error otherwise."""
    hint = in_window(err.hint)
    if hint == err.hint:
        return err
    return type(err)(err.code, err.message, hint=hint, where=err.where)
