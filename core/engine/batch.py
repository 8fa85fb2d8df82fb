"""Encoded rows as one rectangle of tensors. B = sequences, T = tokens, N = trained."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.data.rows import EncodedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroBatch:
    """Sequences of one forward pass, padded on the right.

    Needs no attention mask: attention is causal, so no real token ever sees the padding
    after it, and the padding's own outputs are never looked at.
    """

    ids: Tensor
    """(B, T)."""
    places: Tensor
    """(N,) flat positions b * T + t whose *next* token is trained."""
    targets: Tensor
    """(N,) those next tokens."""
    tokens: int
    """Real tokens, padding not counted."""


# Few widths: a CPU compiles and keeps a kernel for each shape it meets (measured: 400
# shapes cost 0.5 GB and 10 % of the speed), and tensor cores want multiples of eight.
WIDTH_STEP_TOKENS = 32


def collate(
    rows: Sequence[EncodedRow], *, pad_id: int, device: torch.device
) -> MicroBatch:
    """Return `rows` as a micro-batch on `device`.

    Its width is that of the longest row, rounded up to a multiple of 32.
    """
    longest = max(len(row.ids) for row in rows)
    width = -(-longest // WIDTH_STEP_TOKENS) * WIDTH_STEP_TOKENS
    ids = [[*row.ids, *[pad_id] * (width - len(row.ids))] for row in rows]
    places: list[int] = []
    targets: list[int] = []
    for number, row in enumerate(rows):
        for position, (token, trained) in enumerate(
            zip(row.ids, row.trained, strict=True)
        ):
            if trained and position > 0:
                places.append(number * width + position - 1)
                targets.append(token)
    return MicroBatch(
        ids=torch.tensor(ids, device=device),
        places=torch.tensor(places, dtype=torch.long, device=device),
        targets=torch.tensor(targets, dtype=torch.long, device=device),
        tokens=sum(len(row.ids) for row in rows),
    )


def trained_tokens(rows: Sequence[EncodedRow]) -> int:
    """Return how many tokens of `rows` carry loss."""
    return sum(sum(row.trained[1:]) for row in rows)
