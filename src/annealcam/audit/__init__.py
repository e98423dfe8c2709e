"""Audits: classes ranked by how suspicious the maps are that a network relies on."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
