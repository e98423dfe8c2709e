"""Metrics of selections and maps: faithfulness, localisation, sanity, stability and overlap."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
