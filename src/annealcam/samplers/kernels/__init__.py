"""Compiled kernels of the samplers; each file begins with the derivation of its formulas."""
