"""Adapters for pytorch-grad-cam, Captum and Quantus; each imports its own package only."""

from typing import TYPE_CHECKING

from annealcam._internal.lazy import lazy_exports

if TYPE_CHECKING:
    from annealcam.interop.captum import LayerAnnealCAM
    from annealcam.interop.grad_cam import AnnealCAM
    from annealcam.interop.quantus import explain_func
    from annealcam.interop.tokens import token_grid

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "AnnealCAM": "grad_cam",
        "LayerAnnealCAM": "captum",
        "explain_func": "quantus",
        "token_grid": "tokens",
    },
)
