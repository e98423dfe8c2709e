"""Figures drawn with matplotlib: of an explanation, an atlas, an annealed problem, the best k."""
