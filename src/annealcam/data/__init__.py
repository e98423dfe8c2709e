"""Labelled sets of photos by name. Only downloads by torchvision import torch."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
