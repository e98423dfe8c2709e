"""Where a network comes from besides its name: a user's own code, or a weights file."""
