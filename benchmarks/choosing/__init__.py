"""Which relevance, redundancy and objective select well: the figures of docs/relative.md."""
