"""Many images: the paper's whole experiment, in shards."""
