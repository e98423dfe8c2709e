"""annealcam: which few feature maps does a prediction rest on, and how hard is that to anneal?

The public names are imported at first use, so that `import annealcam` costs milliseconds.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
