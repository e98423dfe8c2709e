"""Evaluations: methods by metrics over photos, the faithfulness of an explanation, samplers."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
