"""Helpers of the package that are not part of its public interface."""
