"""Adapters for pytorch-grad-cam, Captum and Quantus; each imports its own package only."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
