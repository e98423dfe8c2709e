"""From a study's table to the tables of its figures."""

from annealcam._internal.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "analyse": "tables",
        "ClassOverlap": "overlap",
        "ExponentialFit": "fits",
        "ImageGroups": "overlap",
        "fit_exponential": "fits",
    },
)
