"""All that touches a network."""
