"""The atlas of a layer: what each of its feature maps usually responds to."""
