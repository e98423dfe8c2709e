"""Networks of many kinds: what is explained of each, against plain PyTorch."""
