"""Audit: classes whose selected maps look where they should not."""
