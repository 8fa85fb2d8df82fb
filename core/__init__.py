"""Tunesmith's engine room: everything but the window. Costs milliseconds to import."""

__version__ = "0.1.0"
