"""Fitting the paper's head on a pretrained trunk."""
