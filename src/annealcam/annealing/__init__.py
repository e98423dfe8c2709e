"""The physics: annealing a selection problem. It knows nothing of images, and of torch."""
