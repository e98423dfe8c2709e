"""Labelled sets of images by name. No torch here, but where torchvision downloads."""
