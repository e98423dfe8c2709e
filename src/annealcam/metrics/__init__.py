"""What a selection is worth: numbers from arrays."""
