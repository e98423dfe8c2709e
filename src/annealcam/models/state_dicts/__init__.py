"""Weights files as people have them: find the tensors, fit them to a network, fill it."""
