"""How long the rows of a file are, and where the sequence length cuts them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.setup.report import Bars, DataReport
from app.setup.words import plural
from core.plan.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The sequence length against the rows' lengths."""

    seq_len: int
    text: str
    offer: str = ""
    """What the button says that keeps 99 % whole; empty where nothing is to gain."""
    offered_len: int = 0


def figures_of(report: DataReport | None) -> tuple[tuple[str, str, str], ...]:
    """Return (name, value, explanation) of each figure known."""
    if report is None:
        return ()
    found: list[tuple[str, str, str]] = []
    if report.train_rows is not None:
        found.append(("To train on", plural(report.train_rows, "row"), ""))
    if report.eval_rows is not None:
        found.append(("Held out", plural(report.eval_rows, "row"), "Never trained on."))
    if report.tokens is not None:
        tokens = report.tokens
        found += [
            ("Tokens", f"{tokens.total:,}", "Of all usable rows together."),
            ("Half are under", plural(tokens.p50, "token"), "The median row."),
            ("99 % are under", plural(tokens.p99, "token"), "The 99th percentile."),
            ("Longest", plural(tokens.longest, "token"), ""),
        ]
    found.append(
        (
            "Duplicates",
            _duplicates(report),
            "Rows that stand there more than once; they count double in training.",
        )
    )
    found.append(
        (
            "Leaks",
            f"{report.leaks:,}",
            "Rows both trained on and held out: they flatter the held-out loss.",
        )
    )
    return tuple(found)


def _duplicates(report: DataReport) -> str:
    near = report.near_duplicates - report.duplicates
    if near > 0:
        return f"{report.duplicates:,}, and {near:,} but for case and blanks"
    return f"{report.duplicates:,}"


def cut_of(plan: Plan, report: DataReport | None) -> Cut | None:
    """Return what the sequence length does to the rows; None without lengths."""
    if report is None or report.tokens is None:
        return None
    seq_len = plan.train.seq_len
    longest = report.tokens.longest
    if report.format == "text":
        return Cut(
            seq_len=seq_len,
            text=f"Text is split into pieces of at most {seq_len:,} tokens; nothing is"
            " lost.",
        )
    if report.truncated:
        share = 100 * report.truncated / max(1, report.usable)
        text = f"{plural(report.truncated, 'row')} ({share:.1f} %) cut at {seq_len:,}."
    else:
        text = f"Nothing is cut at {seq_len:,} tokens; the longest row has {longest:,}."
    keeps = report.keeps_99
    if keeps is None or keeps == seq_len:
        return Cut(seq_len=seq_len, text=text)
    saves = not report.truncated and keeps < seq_len
    gains = report.truncated > 0.01 * report.usable and keeps > seq_len
    if not (saves or gains):
        return Cut(seq_len=seq_len, text=text)
    return Cut(
        seq_len=seq_len, text=text, offer=f"{keeps:,} keeps 99 %", offered_len=keeps
    )


def bars_of(plan: Plan, report: DataReport | None) -> Bars | None:
    """Return the histogram, with empty room up to the cut where that is not far."""
    bars = report.bars if report else None
    if bars is None:
        return None
    width = bars.edges[-1] - bars.edges[-2]
    empty = math.ceil((plan.train.seq_len - bars.edges[-1]) / width)
    if not 0 < empty <= 2 * len(bars.counts):
        return bars
    more = tuple(bars.edges[-1] + width * (at + 1) for at in range(empty))
    return Bars(edges=(*bars.edges, *more), counts=(*bars.counts, *[0] * empty))
