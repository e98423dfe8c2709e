"""Speed beside named peers, and the experiments behind the documentation."""
