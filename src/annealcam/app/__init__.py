"""The web page: explanations in a browser, on this machine alone."""

from annealcam._internal.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__, {"Choices": "choices", "Engine": "engine", "Networks": "networks"}
)
