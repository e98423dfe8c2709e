"""Atlases: the photos, regions and classes to which each channel of a layer responds."""

from annealcam._internal.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Atlas": "atlas",
        "Portrait": "atlas",
        "Region": "atlas",
        "build_atlas": "build",
        "open_atlas": "atlas",
    },
)
