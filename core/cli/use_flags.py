"""The flags of ``estimate`` that say what is to be done; light, as every start needs them."""

import argparse
from typing import get_args

from core.estimate.uses.answer import ExportFormat, UseKind


def add_use_flags(parser: argparse.ArgumentParser) -> None:
    """Add what is asked for, and what only the other uses need to know."""
    parser.add_argument(
        "--for", dest="use", choices=("train", *get_args(UseKind)), default="train",
        help="what is to be done with the model [train]",
    )  # fmt: skip
    parser.add_argument(
        "--explain", action="store_true", help="say how each figure comes about"
    )
    group = parser.add_argument_group("chat and export")
    group.add_argument(
        "--context", type=int, default=2048, metavar="N",
        help="chat: tokens of the conversation, prompt and answer [2048]",
    )  # fmt: skip
    group.add_argument(
        "--answers", type=int, default=1, metavar="N",
        help="chat: sequences answered at once [1]",
    )  # fmt: skip
    group.add_argument(
        "--adapters", type=int, default=1, metavar="N",
        help="chat, evaluate: adapters in memory on the one base [1]",
    )  # fmt: skip
    group.add_argument(
        "--format", dest="export_format", choices=get_args(ExportFormat),
        default="gguf", help="export: what to write [gguf, which needs most room]",
    )  # fmt: skip
