"""The networks that the page offers; each is loaded at its first use."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from annealcam._internal.validation import one_of
from annealcam.app.photos import EXAMPLES
from annealcam.attribution.layers import Layer, default_layer, survey
from annealcam.attribution.network.adapted import adapt
from annealcam.errors import LayerError, suggest
from annealcam.models.images import load_photo
from annealcam.models.load import load_model
from annealcam.models.loaded import DEFAULT_MODEL, SHIPPED, LoadedModel
from annealcam.models.network_layer import network_input


@dataclass(frozen=True, eq=False)
class Network:
    """A network, its layers as surveyed with an example photo, and the default layer."""

    name: str
    loaded: LoadedModel
    layers: tuple[Layer, ...]
    default: str

    def preprocess(self, photo: Image.Image) -> Tensor:
        """Return the network's input of a photo.

        Raises:
            ModelError: the preprocessing of the network fails.
        """
        return network_input(self.loaded.preprocess, photo, model_name=self.name)

    def check_layer(self, layer: str) -> str:
        """Return the name of a layer that can be explained.

        Raises:
            LayerError: the network has no such layer.
        """
        names = [item.name for item in self.layers]
        if layer not in names:
            raise LayerError(
                f"layer={layer!r}: {self.name} has no such layer{suggest(layer, names)}"
            )
        return layer


class Networks:
    """Networks by name: the given ones, then the bundled ones.

    >>> Networks(["digits"]).names[0]
    'digits'
    """

    def __init__(self, first: Sequence[str] = ()) -> None:
        self.names = tuple(dict.fromkeys([*first, DEFAULT_MODEL, *SHIPPED]))
        self._loaded: dict[str, Network] = {}
        self._loading = threading.Lock()

    def __getitem__(self, name: str) -> Network:
        one_of("network", name, self.names)
        with self._loading:
            if name not in self._loaded:
                self._loaded[name] = _load(name)
            return self._loaded[name]


def _load(name: str) -> Network:
    loaded = load_model(name)
    loaded = loaded.changed(model=adapt(loaded.model, link=loaded.link))
    photo = load_photo(EXAMPLES[0])
    example = network_input(loaded.preprocess, photo, model_name=name)[None]
    layers = tuple(survey(loaded.model, example))
    return Network(name, loaded, layers, default_layer(loaded.model, example))
