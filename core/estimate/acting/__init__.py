"""A training step acted out on a tape, tensor by tensor: what is alive at each moment."""
