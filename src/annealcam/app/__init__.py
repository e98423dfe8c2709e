"""The web page: explanations in a browser, on this machine alone."""

from typing import TYPE_CHECKING

from annealcam._internal.lazy import lazy_exports

if TYPE_CHECKING:
    from annealcam.app.choices import Choices
    from annealcam.app.engine import Engine
    from annealcam.app.networks import Networks

__getattr__, __dir__, __all__ = lazy_exports(
    __name__, {"Choices": "choices", "Engine": "engine", "Networks": "networks"}
)
