"""What fits? Any model on any card, without starting a run."""
