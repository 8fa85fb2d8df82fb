"""How many layers of a model tell of all of them."""

import math
from typing import Any

# Leading layers that may differ from the rest, such as dense ones before experts.
_MOST_LEADING = 4
# What a config calls "experts only in every n-th layer".
_STEPS = ("decoder_sparse_step", "moe_layer_freq", "interleave_moe_layer_step")
# Lists whose length says nothing: the layers they name.
_NAMED = ("mlp_only_layers", "moe_layers")


def shallow_depths(config: Any) -> tuple[int, int] | None:
    """Return two depths whose difference is one turn of the kinds of layers.

    Both end as the whole model does, so that what the deeper one takes more is what
    each further turn takes. None if there is no such pair below the model's own depth.

    Args:
        config: A configuration of transformers.
    """
    depth = int(config.num_hidden_layers)
    if any(getattr(config, name, None) for name in _NAMED):
        return None
    kinds = _kinds(config, depth)
    leading = int(getattr(config, "first_k_dense_replace", 0) or 0)
    for start in range(leading, leading + _MOST_LEADING):
        for turn in range(1, (depth - start) // 2 + 1):
            if any(kinds[i] != kinds[i + turn] for i in range(start, depth - turn)):
                continue
            few = start + (depth - start) % turn + turn
            few += turn * max(0, math.ceil((start + 2 - few) / turn))
            return (few, few + turn) if few + turn < depth else None
    return None


def _kinds(config: Any, depth: int) -> list[tuple[Any, ...]]:
    """Return of each layer what the config says of it."""
    lists = [
        [str(item) for item in value]
        for value in vars(config).values()
        if isinstance(value, (list, tuple)) and len(value) == depth
    ]
    steps = [int(getattr(config, name, 1) or 1) for name in _STEPS]
    places = [[(i + 1) % step for i in range(depth)] for step in steps]
    return list(zip(*lists, *places, strict=True))
