"""Models: the base models on this disk, and those to fetch."""
