"""Atlases: the photos, regions and classes to which each channel of a layer responds."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
