"""Studies: the method on a labelled set of images, with statistics, figures and pages."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
