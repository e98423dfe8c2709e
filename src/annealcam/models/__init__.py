"""Networks by name or file, their preprocessing, and photos."""

from typing import TYPE_CHECKING

from annealcam._internal.lazy import lazy_exports

if TYPE_CHECKING:
    from annealcam.models.checkpoints import read_header, write_checkpoint
    from annealcam.models.images import load_image, load_photo, photos_in
    from annealcam.models.load import load_checkpoint, load_model, load_trunk
    from annealcam.models.loaded import DEFAULT_MODEL, SHIPPED, LoadedModel
    from annealcam.models.network_layer import CapturedBatch, NetworkLayer, capture_batches
    from annealcam.models.paper_network import PaperNetwork
    from annealcam.models.preprocess import Preprocess
    from annealcam.models.trunks import Trunk

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "CapturedBatch": "network_layer",
        "DEFAULT_MODEL": "loaded",
        "LoadedModel": "loaded",
        "NetworkLayer": "network_layer",
        "PaperNetwork": "paper_network",
        "Preprocess": "preprocess",
        "SHIPPED": "loaded",
        "Trunk": "trunks",
        "capture_batches": "network_layer",
        "load_checkpoint": "load",
        "load_image": "images",
        "load_model": "load",
        "load_photo": "images",
        "load_trunk": "load",
        "photos_in": "images",
        "read_header": "checkpoints",
        "write_checkpoint": "checkpoints",
    },
)
