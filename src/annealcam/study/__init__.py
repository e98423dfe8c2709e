"""Studies: the method on a labelled set of images, with statistics, figures and pages."""

import lazy_loader

from annealcam._internal.extras import require_extra

require_extra("pyarrow", extra="study", needed_by="study")  # holds every table
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
