"""Advice that rests on estimates: what to change, how long it takes, which card."""
