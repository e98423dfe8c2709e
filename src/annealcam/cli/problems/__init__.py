"""Problem files on the command line."""
