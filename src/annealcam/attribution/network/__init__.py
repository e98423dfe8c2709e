"""How a network is run: hooks, what layers and models give, and the part behind a layer."""
