"""Where a network comes from besides its name: a user's code, a weights file, a package."""
