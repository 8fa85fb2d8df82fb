"""Home: what runs, what was made last, what needs attention."""
