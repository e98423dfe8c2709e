"""Compiled kernels of the metrics."""
