"""Selections of hundreds of maps: certified optima, local search and annealing in parts."""
