"""Faces for the tools that people have: pytorch-grad-cam, Captum and Quantus; see docs/interop.md.

Each face is a module of its own, so that no package is imported but the one that is used.
"""
