"""Whether explanations deserve trust: methods compared by metrics, over photos."""
