"""The pages of a study: an overview, and a page for each photo."""

from annealcam._internal.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__, {"WrittenReport": "report", "write_report": "report"}
)
