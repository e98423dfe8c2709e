"""The web page: explanations in a browser, on this machine alone."""
