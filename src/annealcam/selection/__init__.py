"""The optimisation problem: which maps to select. No torch here."""
