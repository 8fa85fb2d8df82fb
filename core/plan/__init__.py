"""What the person asked for: a plan is everything a run needs and nothing else."""
