"""The table of a study: its columns, and the rows of one image."""

from annealcam._internal.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "SCHEMA": "columns",
        "SELECTORS": "columns",
        "annealer_rows": "rows",
        "current_table": "columns",
        "image_rows": "rows",
        "selector_rows": "rows",
    },
)
