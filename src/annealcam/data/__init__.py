"""Labelled sets of photos by name. Only downloads by torchvision import torch."""

from annealcam._internal.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "LabelledSet": "labelled",
        "draw_per_class": "splits",
        "load_set": "sets",
        "set_of_files": "labelled",
        "set_of_pixels": "labelled",
    },
)
