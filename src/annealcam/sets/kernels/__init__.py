"""Compiled loops of the sets of maps."""
