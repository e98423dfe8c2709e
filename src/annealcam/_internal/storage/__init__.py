"""Results on disk: written as a whole, durable, with checksums, and continued where work ended."""
