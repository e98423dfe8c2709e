"""Conformance: named checks of any sampler for selection problems, and of any explainer."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
