"""The data Tunesmith brings along, so that a first adapter needs nothing else."""

from pathlib import Path

_FILE = (
    Path(__file__).resolve().parents[2]
    / "resources"
    / "starter"
    / "three_part_answers.jsonl"
)


def starter_file() -> Path:
    """Return the starter chats: everyday questions, each answered in three short parts.

    “In short: … Why: … Try this: …” is plain to see: whoever chats with the adapter
    knows at a glance that it learnt something.
    """
    return _FILE
