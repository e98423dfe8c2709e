"""What weights files do not hold: model cards, class names, and their use."""
