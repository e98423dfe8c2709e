"""How commands are called: shared options, help, completion, and how much they print."""
