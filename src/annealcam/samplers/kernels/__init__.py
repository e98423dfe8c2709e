"""Compiled kernels of the samplers; each file begins with the derivation of its formulas."""

POOL = 2048  # selections that a search keeps for an exact comparison until it returns
RENEWED = 250  # steps after which a gradient is computed again, since rounding adds up
