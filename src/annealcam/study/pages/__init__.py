"""A study as pages: what was found, and a page for each photo."""
