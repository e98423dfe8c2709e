"""Compiled loops over states and levels; each file starts with a derivation."""
