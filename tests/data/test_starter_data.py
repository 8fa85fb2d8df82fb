"""The data Tunesmith brings: plenty, varied, and of one plain behaviour."""

import re
from collections import Counter

from core.data.load import load
from core.data.rows import Chat
from core.data.split import split
from core.data.starter import starter_file
from core.plan.plan import DataChoice

CARD = re.compile(r"In short: [A-Z].+[.…]\nWhy: [A-Z].+[.]\nTry this: [A-Z].+[.…]")


def chats() -> list[Chat]:
    data = load(DataChoice(files=(str(starter_file()),)))
    assert () == data.problems
    return [row for row in data.rows if isinstance(row, Chat)]


def test_there_is_enough_to_learn_and_to_hold_out() -> None:
    """At least 160 chats, and 24 of them held out at the demo's share."""
    rows = chats()
    training, held = split(rows, 0.15, 42)

    assert len(rows) >= 160
    assert len(held) >= 24
    assert len(training) >= 120


def test_every_answer_shows_the_behaviour() -> None:
    """Three short lines, each named: nobody can miss that an adapter learnt it."""
    odd = [row.line for row in chats() if not CARD.fullmatch(row.messages[-1].content)]

    assert [] == odd


def test_no_two_chats_are_alike() -> None:
    """No question twice, no sentence twice, and no opening worn out."""
    rows = chats()
    questions = [row.messages[0].content for row in rows]
    lines = [line for row in rows for line in row.messages[-1].content.split("\n")]
    said = [line.partition(": ")[2].split() for line in lines]
    openings = Counter(" ".join(words[:4]) for words in said)

    assert len(questions) == len(set(questions))
    assert len(lines) == len(set(lines))
    assert openings.most_common(1)[0][1] <= 6


def test_answers_are_short() -> None:
    """A small model on two cores must get through them in minutes."""
    words = [len(row.messages[-1].content.split()) for row in chats()]

    assert 20 <= min(words)
    assert max(words) <= 50
