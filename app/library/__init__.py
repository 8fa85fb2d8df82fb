"""The Library page: every adapter, found again, understood, tidied up."""
